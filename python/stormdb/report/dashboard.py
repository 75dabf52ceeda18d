"""The picture that the live view shows while the load is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stormdb.report.charts import draw, framed, round_top, throughput_columns
from stormdb.report.styles import ALARM, BAR, DOUBT
from stormdb.report.tables import name_cell, plain_table
from stormdb.report.text import (
    QUANTILE_NAMES,
    failure_name,
    format_metric,
    format_percent,
    format_span,
    time_word,
)
from stormdb.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis.distribution import TimeStats, Value
    from stormdb.analysis.summary import Counter
    from stormdb.report.tracker import Figures
    from stormdb.run.events import LoadInfo

__all__ = ["dashboard", "failure_lines", "progress_bar", "whole_seconds"]

_STATISTICS = (*QUANTILE_NAMES, "max")
_CHART_HEIGHT = 4
_METRIC_HEADERS = ("custom metric", "count", "rate", "mean", "p50", "p99", "max")
_LABEL_WIDTH = 11
_BUSY = 0.8
_TALL = 40
_TALL_CHART_HEIGHT = 10


def dashboard(
    load: LoadInfo, figures: Figures | None, *, now_ns: int, width: int, height: int
) -> RenderableType:
    """The whole picture, never higher than the terminal.

    Args:
        load: what is being run.
        figures: as of the last interval; None before the first has ended.
        now_ns: since the start of the load; negative before it.
        width: columns of the terminal.
        height: lines of the terminal.
    """
    parts: list[RenderableType] = [_headline(load), _clock(load, now_ns, width)]
    if figures is None:
        return Group(*parts)
    chart_height = _TALL_CHART_HEIGHT if height >= _TALL else _CHART_HEIGHT
    parts += [Text(), *_throughput(load, figures, width, chart_height)]
    parts += [Text(), _times(load, figures)]
    status = _status(load, figures)
    # Two lines are left for the cursor and for what scrolls by.
    room = height - 2 - (2 + 1 + 1 + chart_height + 1 + 3) - 1
    failures = failure_lines(figures, width)[: max(room // 2, 1)]
    room -= len(failures)
    if room >= 4:
        parts += [Text(), _rows(figures, room - 1)]
    return Group(*parts, *failures, status)


def _headline(load: LoadInfo) -> Text:
    rate = "" if load.rate_per_s is None else f" {format_rate(load.rate_per_s)}"
    kind = "closed loop" if load.arrival == "closed" else f"open loop, {load.arrival}{rate}"
    return Text.assemble(
        (load.workload, "bold"),
        f" · {kind} · {load.workers} workers · {load.connections} connections",
        no_wrap=True,
        overflow="ellipsis",
    )


def _clock(load: LoadInfo, now_ns: int, width: int) -> Table:
    """Phase, a bar over the whole load, and the time that is left."""
    total_ns = load.phases[-1].end_ns
    phase = next((p for p in load.phases if p.start_ns <= now_ns < p.end_ns), None)
    if phase is None:
        name = "starting" if now_ns < 0 else "draining"
        left = ""
    else:
        name = phase.name
        left = f"{whole_seconds(phase.end_ns - now_ns)} left"
    done_ns = min(max(now_ns, 0), total_ns)
    spent = f"{whole_seconds(done_ns)} of {whole_seconds(total_ns)}"
    bar_width = max(width - len(name) - len(spent) - len(left) - 6, 10)
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_row(
        Text(name, style="bold", no_wrap=True),
        progress_bar(done_ns, total_ns, bar_width),
        Text(spent, no_wrap=True),
        Text(left, style="dim", no_wrap=True),
    )
    return row


def progress_bar(done_ns: int, total_ns: int, width: int) -> ProgressBar:
    """How far the load is."""
    return ProgressBar(
        total=total_ns, completed=done_ns, width=width, complete_style=BAR, finished_style=BAR
    )


def whole_seconds(ns: int) -> str:
    """Whole seconds, so that the clock does not jitter."""
    return format_span(round(ns / 1e9) * 10**9)


def _throughput(load: LoadInfo, figures: Figures, width: int, height: int) -> list[RenderableType]:
    last = figures.points[-1]
    line = Text.assemble(
        ("throughput  ", "dim"),
        (format_rate(last.throughput_per_s), "bold"),
        (" now   ", "dim"),
        format_rate(figures.throughput_per_s),
        (" mean", "dim"),
        no_wrap=True,
    )
    if load.arrival != "closed":
        offered = last.offered_count / (last.length_ns / 1e9)
        line.append(f"   {format_rate(offered)}")
        line.append(" offered", style="dim")
    points = figures.points[-max(width - _LABEL_WIDTH - 1, 10) :]
    top = round_top(max(point.throughput_per_s for point in points))
    lines = draw(throughput_columns(points), height=height, top=top)
    return [line, *framed(lines, format_rate(top), _LABEL_WIDTH)]


def _times(load: LoadInfo, figures: Figures) -> Table:
    word = time_word("service_time" if load.arrival == "closed" else "response_time")
    headers = [QUANTILE_NAMES.get(name, name) for name in _STATISTICS]
    table = plain_table(word, *headers, least_width=8)
    for name, stats in (("last interval", figures.last_times), ("so far", figures.times)):
        table.add_row(name, *_cells(stats))
    return table


def _cells(stats: TimeStats | None) -> list[Text]:
    if stats is None:
        return [Text("-", style="dim") for _ in _STATISTICS]
    return [
        Text(
            format_duration(getattr(stats, f"{name}_ns")),
            style="dim" if name in stats.unsupported else "",
        )
        for name in _STATISTICS
    ]


def _rows(figures: Figures, room: int) -> Table:
    """Transactions, and custom metrics in the same columns: each gets half of the room or more."""
    headers = ("committed", "rate", "failed", "p50", "p99", "max")
    table = plain_table("transaction", *headers, least_width=8)
    metrics = [*map(_counter_cells, figures.counters), *map(_value_cells, figures.values)]
    if metrics:
        metrics.insert(0, [Text(name, "dim") for name in _METRIC_HEADERS])
    row_room = max(room // 2, room - 1 - len(metrics))
    for row in figures.rows[:row_room]:
        times = row.times
        cells = ("-",) * 3
        if times is not None:
            cells = (
                format_duration(times.p50_ns),
                format_duration(times.p99_ns),
                format_duration(times.max_ns),
            )
        table.add_row(
            name_cell(row.name),
            format_count(row.committed_count),
            format_rate(row.throughput_per_s),
            Text(format_count(row.failed_count), style=ALARM if row.failed_count else ""),
            *cells,
        )
    left = room - 1 - table.row_count
    for line in metrics[:left] if left > 1 else ():
        table.add_row(*line)
    return table


def _counter_cells(counter: Counter) -> list[Text]:
    return [
        name_cell(counter.name),
        Text(format_count(counter.count)),
        Text(format_rate(counter.rate_per_s)),
    ]


def _value_cells(value: Value) -> list[Text]:
    numbers = (value.mean, value.p50, value.p99, value.max)
    cells = [Text(format_metric(value.name, number)) for number in numbers]
    return [name_cell(value.name), Text(format_count(value.count)), Text(), *cells]


def failure_lines(figures: Figures, width: int) -> list[Text]:
    """What fails, with an example each."""
    lines = []
    for failure in figures.failures:
        line = Text.assemble(
            (f"failed {format_count(failure.count)} ", ALARM),
            (failure_name(failure.sqlstate), "bold"),
            (f"  {failure.example}", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )
        line.truncate(width, overflow="ellipsis")
        lines.append(line)
    return lines


def _status(load: LoadInfo, figures: Figures) -> Text:
    # The mean over an interval: a worker can be busy for a part of it.
    waiting = max(figures.in_flight - load.workers, 0)
    busy = figures.generator_busy_ratio
    parts = [
        Text(f"workers busy {figures.busy_workers:.1f} of {load.workers}"),
        Text(f"generator {format_percent(busy)}", ALARM if busy > _BUSY else ""),
    ]
    if load.arrival != "closed":
        dropped = figures.dropped_count
        parts += [
            Text(f"waiting {format_count(waiting)}", DOUBT if waiting else ""),
            Text(f"dropped {format_count(dropped)}", ALARM if dropped else ""),
        ]
    if figures.retried_count:
        parts.append(Text(f"retried {format_count(figures.retried_count)}"))
    return Text(" · ", no_wrap=True, overflow="ellipsis").join(parts)

"""The picture that the live view shows while several workloads are on: together and each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stormdb.analysis.together import TogetherPoint, by_second
from stormdb.report.charts import Column, draw, framed, round_top
from stormdb.report.dashboard import failure_lines, progress_bar, whole_seconds
from stormdb.report.styles import ALARM, BAR
from stormdb.report.tables import name_cell, plain_table
from stormdb.report.text import format_percent
from stormdb.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.report.tracker import Figures
    from stormdb.run.events import LoadInfo

__all__ = ["dashboard_of_several"]

_CHART_HEIGHT = 4
_LABEL_WIDTH = 11
_HEADERS = ("now", "mean", "p50", "p99", "max", "failed", "dropped", "busy")


def dashboard_of_several(
    loads: Mapping[str, LoadInfo],
    figures: Mapping[str, Figures],
    *,
    now_ns: int,
    width: int,
    height: int,
) -> RenderableType:
    """The whole picture, never higher than the terminal.

    Args:
        loads: what is being run, by the names of the workloads.
        figures: of those whose first interval has ended.
        now_ns: since the start of the run; negative before it.
        width: columns of the terminal.
        height: lines of the terminal.
    """
    parts: list[RenderableType] = [
        Text(" · ".join(loads), style="bold", no_wrap=True, overflow="ellipsis"),
        _clock(loads, now_ns, width),
        Text(),
    ]
    # Two lines are left for the cursor and for what scrolls by, one for the table's header.
    room = height - 2 - len(parts) - 1
    if room >= len(loads) + _CHART_HEIGHT + 2:
        parts += [*_throughput(loads, figures, now_ns, width), Text()]
        room -= _CHART_HEIGHT + 2
    parts.append(_workloads(loads, figures, now_ns, room))
    failures = [
        Text.assemble((f"{name}  ", "bold"), line)
        for name, one in figures.items()
        for line in failure_lines(one, width - len(name) - 2)
    ]
    return Group(*parts, *failures[: max(room - len(loads), 0)])


def _clock(loads: Mapping[str, LoadInfo], now_ns: int, width: int) -> Table:
    total_ns = max(_end_ns(load) for load in loads.values())
    done_ns = min(max(now_ns, 0), total_ns)
    spent = f"{whole_seconds(done_ns)} of {whole_seconds(total_ns)}"
    row = Table.grid(padding=(0, 2, 0, 0))
    bar = progress_bar(done_ns, total_ns, max(width - len(spent) - 4, 10))
    row.add_row(bar, Text(spent, no_wrap=True))
    return row


def _end_ns(load: LoadInfo) -> int:
    """After the start of the run."""
    return load.start_after_ns + load.phases[-1].end_ns


def _throughput(
    loads: Mapping[str, LoadInfo], figures: Mapping[str, Figures], now_ns: int, width: int
) -> list[RenderableType]:
    points = _points(loads, figures, now_ns)[-max(width - _LABEL_WIDTH - 1, 10) :]
    last_per_s = points[-1].throughput_per_s if points else 0.0
    top = round_top(max((point.throughput_per_s for point in points), default=0.0))
    columns = [Column(point.throughput_per_s, BAR) for point in points] or [Column(0.0)]
    lines = draw(columns, height=_CHART_HEIGHT, top=top)
    line = Text.assemble(
        ("throughput together  ", "dim"), (format_rate(last_per_s), "bold"), (" now", "dim")
    )
    return [line, *framed(lines, format_rate(top), _LABEL_WIDTH)]


def _points(
    loads: Mapping[str, LoadInfo], figures: Mapping[str, Figures], now_ns: int
) -> list[TogetherPoint]:
    """Seconds of which every workload that was at work has told."""
    known_ns = now_ns
    for name, load in loads.items():
        if load.start_after_ns < now_ns < _end_ns(load):
            last = figures[name].points[-1] if name in figures else None
            end_ns = last.start_ns + last.length_ns if last else 0
            known_ns = min(known_ns, load.start_after_ns + end_ns)
    courses = [
        (load.start_after_ns, figures[name].points if name in figures else ())
        for name, load in loads.items()
    ]
    return [one for one in by_second(courses) if one.start_ns + one.length_ns <= known_ns]


def _workloads(
    loads: Mapping[str, LoadInfo], figures: Mapping[str, Figures], now_ns: int, room: int
) -> Table:
    table = plain_table("workload", "phase", *_HEADERS, least_width=7)
    for name, load in list(loads.items())[: max(room, 1)]:
        one = figures.get(name)
        table.add_row(name_cell(name), *_cells(load, one, now_ns - load.start_after_ns))
    return table


def _cells(load: LoadInfo, figures: Figures | None, now_ns: int) -> list[Text]:
    phase = Text(_phase(load, now_ns), style="dim")
    if figures is None:
        return [phase, *(Text("-", style="dim") for _ in _HEADERS)]
    times = figures.times
    is_on = now_ns < load.phases[-1].end_ns
    return [
        phase,
        Text(format_rate(figures.points[-1].throughput_per_s if is_on else 0.0), style="bold"),
        Text(format_rate(figures.throughput_per_s)),
        *(
            Text("-" if times is None else format_duration(getattr(times, f"{name}_ns")))
            for name in ("p50", "p99", "max")
        ),
        *(
            Text(format_count(count), style=ALARM if count else "")
            for count in (sum(f.count for f in figures.failures), figures.dropped_count)
        ),
        Text(format_percent(figures.busy_workers / load.workers if is_on else 0.0)),
    ]


def _phase(load: LoadInfo, now_ns: int) -> str:
    if now_ns < 0:
        return f"in {whole_seconds(-now_ns)}"
    phase = next((one for one in load.phases if one.start_ns <= now_ns < one.end_ns), None)
    return phase.name if phase else "over"

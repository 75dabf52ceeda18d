"""The tables of the final report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stormdb.report.styles import ALARM, GOOD
from stormdb.report.text import (
    QUANTILE_NAMES,
    failure_name,
    format_metric,
    format_percent,
)
from stormdb.units import format_bytes, format_count, format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary
    from stormdb.analysis.distribution import TimeStats
    from stormdb.analysis.summary import PhaseSummary, RowSummary

__all__ = [
    "accounting_table",
    "failures_table",
    "metrics_table",
    "name_cell",
    "plain_table",
    "rows_table",
    "times_table",
    "workers_table",
]

_NAME_WIDTH = 12
_OUTCOMES = ("offered", "committed", "rolled_back", "failed", "dropped", "unfinished")
_WIDE, _WHOLE_WIDTH = 98, 78
# By the least width of the page.
_STATISTICS: Mapping[int, tuple[str, ...]] = {
    _WIDE: (*QUANTILE_NAMES, "max", "mean", "stdev"),
    _WHOLE_WIDTH: (*QUANTILE_NAMES, "max"),
    0: ("p50", "p95", "p99", "max"),
}
_VALUE_STATISTICS: Mapping[int, tuple[str, ...]] = {
    _WIDE: ("mean", "min", "p50", "p95", "p99", "max"),
    _WHOLE_WIDTH: ("mean", "p50", "p99", "max"),
    0: ("mean", "max"),
}


def plain_table(first: str, *columns: str, least_width: int = 0) -> Table:
    """Borderless, names to the left, numbers to the right; make the names with `name_cell`.

    Args:
        first: header of the names.
        columns: headers of the numbers.
        least_width: of each number, so that a table that is drawn again and again stands still.
    """
    table = Table(
        box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False
    )
    # A column that may wrap is made narrower before the others: numbers stay whole.
    table.add_column(first, min_width=_NAME_WIDTH)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True, min_width=least_width or None)
    return table


def _by_width(names: Mapping[int, tuple[str, ...]], width: int) -> tuple[str, ...]:
    return next(some for least, some in names.items() if width >= least)


def name_cell(name: str) -> Text:
    """A name in a `plain_table`, which is cut where there is no room for all of it."""
    return Text(name, no_wrap=True, overflow="ellipsis")


def times_table(summary: Summary, width: int) -> RenderableType:
    """Each time of each transaction, and of all of them; fewer columns where there is no room."""
    statistics = _by_width(_STATISTICS, width)
    table = plain_table("", *(QUANTILE_NAMES.get(name, name) for name in statistics))
    rows = _transactions_and_total(summary)
    groups = {
        "response time": [(row.name, row.response_time) for row in rows],
        "service time": [(row.name, row.service_time) for row in rows],
        "schedule lag": [(rows[-1].name, summary.total.schedule_lag)],
        **_parts(summary),
        "failed (service)": [(rows[-1].name, summary.total.failed_service_time)],
    }
    is_marked = False
    for title, lines in groups.items():
        measured = [(name, stats) for name, stats in lines if stats is not None]
        if measured:
            table.add_row(Text(title, style="bold", no_wrap=True, overflow="ellipsis"))
        for name, stats in measured:
            is_marked |= any(statistic in stats.unsupported for statistic in statistics)
            table.add_row(name_cell(f"  {name}"), *_times(stats, statistics))
    if not is_marked:
        return table
    return Group(table, Text("? fewer than 10 samples lie beyond it: chance decides", style="dim"))


def _parts(summary: Summary) -> dict[str, list[tuple[str, TimeStats | None]]]:
    """Service times of operations; those that bear a transaction's name stand below it."""
    transactions = {row.name for row in summary.transactions}
    groups: dict[str, list[tuple[str, TimeStats | None]]] = {}
    for row in summary.operations:
        of, _, name = row.name.partition(" / ")
        title, shown = "parts (service)", row.name
        if name and of in transactions:
            title, shown = f"parts of {of}", name
        groups.setdefault(title, []).append((shown, row.service_time))
    return groups


def _transactions_and_total(summary: Summary) -> tuple[RowSummary, ...]:
    """A single kind of transaction stands for its total, which would say the same again."""
    kinds = summary.transactions
    return kinds if len(kinds) == 1 else (*kinds, summary.total)


def _times(stats: TimeStats, statistics: tuple[str, ...]) -> Iterator[Text]:
    for statistic in statistics:
        text = format_duration(getattr(stats, f"{statistic}_ns"))
        if statistic in stats.unsupported:
            yield Text(f"{text}?", style="dim")
        else:
            yield Text(f"{text} ")


def rows_table(summary: Summary) -> Table:
    """Counts and rates of each transaction."""
    columns: dict[str, Callable[[RowSummary], str]] = {
        "committed": lambda row: format_count(row.committed_count),
        "share": lambda row: format_percent(row.share_ratio),
        "rate": lambda row: format_rate(row.throughput_per_s),
        "failed": lambda row: format_count(row.failed_count),
        "retried": lambda row: format_count(row.retried_count),
    }
    if summary.total.rolled_back_count:
        columns["rolled back"] = lambda row: format_count(row.rolled_back_count)
    if summary.total.received_bytes:
        columns["rows"] = lambda row: format_count(row.row_count)
        columns["sent"] = lambda row: format_bytes(row.sent_bytes)
        columns["received"] = lambda row: format_bytes(row.received_bytes)
    table = plain_table("", *columns)
    for row in _transactions_and_total(summary):
        table.add_row(name_cell(f"  {row.name}"), *(text(row) for text in columns.values()))
    for row in summary.operations:
        cells = [text(row) for text in columns.values()]
        cells[1] = "part"
        table.add_row(name_cell(f"  {row.name}"), *cells, style="dim")
    return table


def failures_table(summary: Summary) -> Table:
    """Failures by SQLSTATE with an example each, and drops by reason."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", min_width=8, no_wrap=True)
    for failure in summary.failures:
        line = Text.assemble((failure_name(failure.sqlstate), "bold"))
        remarks = [f"{name} {format_count(count)}" for name, count in failure.rows.items()]
        if failure.retried_count:
            remarks.append(f"{format_count(failure.retried_count)} times tried again")
        if failure.other_phases_count:
            remarks.append(f"{format_count(failure.other_phases_count)} outside of steady")
        if remarks:
            line.append(f"  {', '.join(remarks)}", style="dim")
        style = ALARM if failure.count else "dim"
        table.add_row(Text(format_count(failure.count), style=style), line)
        if failure.example:
            table.add_row("", Text(failure.example, style="italic"))
    for reason, count in summary.drops.items():
        line = Text.assemble(("dropped", "bold"), (f"  {reason.replace('_', ' ')}", "dim"))
        table.add_row(Text(format_count(count), style=ALARM), line)
    return table


def metrics_table(summary: Summary, width: int) -> Group:
    """Custom values and counters."""
    parts: list[RenderableType] = []
    if summary.values:
        statistics = _by_width(_VALUE_STATISTICS, width)
        table = plain_table("value", "count", *statistics)
        for value in summary.values:
            numbers = (getattr(value, statistic) for statistic in statistics)
            cells = [format_metric(value.name, number) for number in numbers]
            table.add_row(name_cell(f"  {value.name}"), format_count(value.count), *cells)
        parts.append(table)
    if summary.counters:
        table = plain_table("counter", "count", "rate")
        for counter in summary.counters:
            cells = [format_count(counter.count), format_rate(counter.rate_per_s)]
            table.add_row(name_cell(f"  {counter.name}"), *cells)
        parts.append(table)
    return Group(*parts)


def workers_table(summary: Summary) -> Group:
    """How evenly the load lay, and what it cost the generator."""
    spread = summary.workers
    parts: list[RenderableType] = []
    if spread is not None and spread.worker_count > 1:
        table = plain_table(f"{spread.worker_count} workers", "min", "median", "max")
        table.add_row(
            "  throughput",
            format_rate(spread.throughput_min_per_s),
            format_rate(spread.throughput_median_per_s),
            format_rate(spread.throughput_max_per_s),
        )
        table.add_row(
            "  mean service time",
            format_duration(spread.service_time_mean_min_ns),
            format_duration(spread.service_time_mean_median_ns),
            format_duration(spread.service_time_mean_max_ns),
        )
        parts.append(table)
    if spread is not None:
        idle = f", {spread.idle_count} did nothing" if spread.idle_count else ""
        parts.append(Text(f"workers busy {format_percent(spread.busy_ratio)}{idle}"))
    if summary.generator_load:
        busy = [load.cpu_busy_ratio for load in summary.generator_load]
        lag_ns = max(load.loop_lag_max_ns for load in summary.generator_load)
        memory = sum(load.memory_max_bytes for load in summary.generator_load)
        # One number where the least and the largest look alike.
        cpu = " to ".join(dict.fromkeys(format_percent(ratio) for ratio in (min(busy), max(busy))))
        part = "thread" if summary.run.executor.kind == "native" else "process"
        parts.append(
            Text(
                f"generator busy {cpu} of a core per {part}, late by {format_duration(lag_ns)} at "
                f"most, {format_bytes(memory)} of memory"
            )
        )
    return Group(*parts)


def accounting_table(summaries: Sequence[Summary], total: PhaseSummary, width: int) -> Group:
    """The identity of each phase of each workload, and whether it holds.

    Args:
        summaries: of the workloads.
        total: the sum over all of their phases.
        width: of the page.
    """
    outcomes: tuple[str, ...] = _OUTCOMES
    if width < _WHOLE_WIDTH:  # What never happened is left out.
        outcomes = tuple(name for name in outcomes if getattr(total, f"{name}_count"))
    table = plain_table("", *(name.replace("_", " ") for name in outcomes))
    phases = [
        (f"{one.run.name} " if len(summaries) > 1 else "", phase)
        for one in summaries
        for phase in one.phases
    ]
    for prefix, phase in (*(phases if len(phases) > 1 else ()), ("", total)):
        counts = (getattr(phase, f"{name}_count") for name in outcomes)
        is_shown = phase is total or phase.role == "steady"
        table.add_row(
            name_cell(f"  {prefix}{phase.name}"),
            *map(format_count, counts),
            style="" if is_shown else "dim",
        )
    sum_text = "offered = committed + rolled back + failed + dropped + unfinished"
    verdict = (
        Text.assemble((sum_text, "dim"), ": ", ("holds", GOOD))
        if total.holds
        else Text.assemble(sum_text, ": ", ("does not hold", f"bold {ALARM}"))
    )
    return Group(table, verdict)

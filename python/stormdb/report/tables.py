"""The tables of the final report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from stormdb.report.text import (
    QUANTILE_NAMES,
    failure_name,
    format_number,
    format_percent,
    time_word,
)
from stormdb.units import format_bytes, format_count, format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary
    from stormdb.analysis.summary import RowSummary, TimeStats

__all__ = [
    "accounting_table",
    "failures_table",
    "metrics_table",
    "plain_table",
    "rows_table",
    "times_table",
    "workers_table",
]

_NAME_WIDTH = 16
_STATISTICS = (*QUANTILE_NAMES, "max", "mean", "stdev")


def plain_table(first: str, *columns: str) -> Table:
    """Borderless, names to the left, numbers to the right."""
    table = Table(
        box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False
    )
    table.add_column(first, no_wrap=True, overflow="ellipsis", min_width=min(_NAME_WIDTH, 12))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def times_table(summary: Summary) -> RenderableType:
    """Each time of each transaction, and of all of them."""
    table = plain_table("", *(QUANTILE_NAMES.get(name, name) for name in _STATISTICS))
    rows = summary.transactions if len(summary.transactions) > 1 else ()
    marked = False
    kinds = ("response_time", "service_time") if summary.is_open_loop else ("service_time",)
    for kind in kinds:
        table.add_row(Text(time_word(kind), style="bold"))
        for row in (*rows, summary.total):
            marked |= _add_times(table, row.name, getattr(row, kind))
    if summary.total.schedule_lag:
        table.add_row(Text("schedule lag", style="bold"))
        marked |= _add_times(table, "all", summary.total.schedule_lag)
    if summary.operations:
        table.add_row(Text("parts, service time", style="bold"))
        for row in summary.operations:
            marked |= _add_times(table, row.name, row.service_time)
    if summary.total.failed_service_time:
        table.add_row(Text("failed, service time", style="bold"))
        marked |= _add_times(table, "all", summary.total.failed_service_time)
    if not marked:
        return table
    return Group(table, Text("? fewer than 10 samples lie beyond it: chance decides", style="dim"))


def _add_times(table: Table, name: str, stats: TimeStats | None) -> bool:
    """One line; whether a value in it is marked."""
    if stats is None:
        return False
    cells = []
    for statistic in _STATISTICS:
        text = format_duration(getattr(stats, f"{statistic}_ns"))
        is_weak = statistic in stats.unsupported
        cells.append(Text(f"{text}?" if is_weak else f"{text} ", style="dim" if is_weak else ""))
    table.add_row(f"  {name}", *cells)
    return bool(stats.unsupported)


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
    table = plain_table("", *columns)
    rows = summary.transactions if len(summary.transactions) > 1 else ()
    for row in (*rows, summary.total):
        table.add_row(f"  {row.name}", *(text(row) for text in columns.values()))
    for row in summary.operations:
        cells = [text(row) for text in columns.values()]
        cells[1] = "part"
        table.add_row(f"  {row.name}", *cells, style="dim")
    return table


def failures_table(summary: Summary) -> RenderableType:
    """Failures by SQLSTATE with an example each, and drops by reason."""
    parts: list[RenderableType] = []
    for failure in summary.failures:
        line = Text.assemble(
            (f"{format_count(failure.count):>8} ", "red" if failure.count else "dim"),
            (failure_name(failure.sqlstate), "bold"),
        )
        if failure.rows:
            where = ", ".join(f"{name} {format_count(n)}" for name, n in failure.rows.items())
            line.append(f"  in {where}", style="dim")
        if failure.retried_count:
            line.append(f"  retried {format_count(failure.retried_count)}", style="dim")
        if failure.other_phases_count:
            line.append(
                f"  and {format_count(failure.other_phases_count)} outside of steady", style="dim"
            )
        parts.append(line)
        if failure.example:
            parts.append(Text(f"         {failure.example}", style="italic"))
    for reason, count in summary.drops.items():
        parts.append(
            Text.assemble((f"{format_count(count):>8} ", "red"), ("dropped", "bold"), f"  {reason}")
        )
    return Group(*parts)


def metrics_table(summary: Summary) -> Group:
    """Custom values and counters."""
    parts: list[RenderableType] = []
    if summary.values:
        table = plain_table("value", "count", "mean", "min", "p50", "p95", "p99", "max")
        for value in summary.values:
            numbers = (value.mean, value.min, value.p50, value.p95, value.p99, value.max)
            table.add_row(value.name, format_count(value.count), *map(format_number, numbers))
        parts.append(table)
    if summary.counters:
        table = plain_table("counter", "count", "rate")
        for counter in summary.counters:
            table.add_row(
                counter.name, format_count(counter.count), format_rate(counter.rate_per_s)
            )
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
        cpu = format_percent(max(busy))
        if len(busy) > 1:
            cpu = f"{format_percent(min(busy))} to {cpu}"
        parts.append(
            Text(
                f"generator CPU {cpu} of a core per process, late by {format_duration(lag_ns)} at "
                f"most, {format_bytes(memory)} of memory"
            )
        )
    return Group(*parts)


def accounting_table(summary: Summary) -> Group:
    """The identity of each phase, and whether it holds."""
    table = plain_table(
        "", "length", "offered", "committed", "rolled back", "failed", "dropped", "unfinished"
    )
    phases = summary.phases if len(summary.phases) > 1 else ()
    for phase in (*phases, summary.accounting):
        is_sum = phase is summary.accounting
        table.add_row(
            f"  {phase.name}",
            format_duration(phase.length_ns),
            *(
                format_count(count)
                for count in (
                    phase.offered_count,
                    phase.committed_count,
                    phase.rolled_back_count,
                    phase.failed_count,
                    phase.dropped_count,
                    phase.unfinished_count,
                )
            ),
            style="" if is_sum or phase.role == "steady" else "dim",
        )
    sum_text = "offered = committed + rolled back + failed + dropped + unfinished"
    verdict = (
        Text.assemble((sum_text, "dim"), ": ", ("holds", "green"))
        if summary.accounting.holds
        else Text.assemble(sum_text, ": ", ("does not hold", "bold red"))
    )
    return Group(table, verdict)

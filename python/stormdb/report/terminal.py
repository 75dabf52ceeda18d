"""The final report, for a terminal and as plain text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from stormdb.analysis import Severity
from stormdb.report.facts import facts_table
from stormdb.report.pictures import distribution_chart, throughput_chart
from stormdb.report.tables import (
    accounting_table,
    failures_table,
    metrics_table,
    rows_table,
    times_table,
    workers_table,
)
from stormdb.report.text import format_percent, format_value, time_word
from stormdb.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary

__all__ = ["print_report", "report_console"]

_WIDTH = 100
_STATUS_STYLE = {"completed": "green", "interrupted": "yellow", "failed": "red"}
_SEVERITY_STYLE = {Severity.UNTRUSTED: "bold red", Severity.DOUBT: "yellow", Severity.NOTE: "dim"}
_SEVERITY_WORD = {
    Severity.UNTRUSTED: "do not trust",
    Severity.DOUBT: "doubt",
    Severity.NOTE: "note",
}


def report_console(stream: TextIO, width: int | None = None) -> Console:
    """A console for a stream: at most 100 columns, and exactly those where there is no terminal."""
    console = Console(file=stream, highlight=False, width=width)
    if width is None:
        console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    # A terminal that knows no block characters shows marks instead, and the report goes on.
    if stream in {sys.stdout, sys.stderr} and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return console


def print_report(
    summary: Summary, stream: TextIO | None = None, *, width: int | None = None, again: str = ""
) -> None:
    """Print the final report.

    Args:
        summary: what to print.
        stream: where to; standard output by default.
        width: columns; by default those of the terminal up to 100, or 100 without a terminal.
        again: the command that makes this run again; "" leaves the line out.
    """
    console = report_console(stream or sys.stdout, width)
    console.print()
    for block in _blocks(summary, console.width, again):
        console.print(block)
        console.print()


def _blocks(summary: Summary, width: int, again: str) -> Iterator[RenderableType]:
    yield _headline(summary, width)
    yield Padding(facts_table(summary), (0, 0, 0, 2))
    if summary.total.committed_count:
        yield from _measured(summary, width)
    elif summary.failures:
        yield _section("failures", failures_table(summary), width)
    yield _section("accounting", accounting_table(summary), width)
    if summary.warnings:
        yield _section("what to doubt", _warnings(summary), width)
    if summary.thresholds:
        yield _section("thresholds", _thresholds(summary), width)
    if again:
        yield Text.assemble(("  again  ", "dim"), again)


def _measured(summary: Summary, width: int) -> Iterator[RenderableType]:
    yield _section("result", _result(summary), width)
    yield _section("times", times_table(summary), width)
    yield _section("transactions", rows_table(summary), width)
    if len([point for point in summary.intervals if point.role != "drain"]) > 1:
        yield _section("throughput over time", throughput_chart(summary, width - 4), width)
    title = f"{time_word(summary.main_time)} of all transactions"
    yield _section(title, distribution_chart(summary, width - 4), width)
    if summary.failures or summary.drops:
        yield _section("failures", failures_table(summary), width)
    if summary.counters or summary.values:
        yield _section("custom metrics", metrics_table(summary), width)
    if summary.workers:
        yield _section("workers and generator", workers_table(summary), width)


def _section(title: str, body: RenderableType, width: int) -> RenderableType:
    rule = Text.assemble(("── ", "dim"), (title, "bold"), " ", no_wrap=True)
    rule.append("─" * max(width - rule.cell_len, 0), style="dim")
    return Group(rule, Padding(body, (0, 0, 0, 2)))


def _headline(summary: Summary, width: int) -> Text:
    run = summary.run
    status = run.status.value
    line = Text.assemble(
        "stormdb ",
        str(run.generator.get("stormdb", "")),
        " · ",
        (run.workload, "bold"),
        " · ",
        (status, _STATUS_STYLE[status]),
        no_wrap=True,
    )
    when = f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    line.append(when.rjust(max(width - line.cell_len, len(when) + 2)), style="dim")
    return line


def _result(summary: Summary) -> Group:
    estimate = summary.throughput
    line = Text.assemble(
        ("throughput  ", "dim"), (format_rate(estimate.per_s), "bold"), " committed"
    )
    if estimate.low_per_s is not None and estimate.high_per_s is not None:
        line.append(
            f", 95 % interval {format_rate(estimate.low_per_s)} to "
            f"{format_rate(estimate.high_per_s)}"
        )
        line.append(
            f"  ({estimate.interval_count} intervals worth "
            f"{estimate.effective_count:.0f} independent ones)",
            style="dim",
        )
    else:
        line.append(f"; no interval can be given: {estimate.why_no_interval}", style="dim")
    parts = [
        f"offered {format_rate(summary.offered_per_s)}" if summary.is_open_loop else "",
        f"failed {format_percent(summary.error_ratio)}",
        f"dropped {format_percent(summary.dropped_ratio)}" if summary.is_open_loop else "",
        f"retried {format_count(summary.total.retried_count)}",
    ]
    rest = Text("            " + " · ".join(filter(None, parts)))
    stats = summary.main_time_of(summary.total)
    lines = [line, rest]
    if stats is not None:
        word = time_word(summary.main_time)
        lines.append(
            Text.assemble(
                (f"{word.split(maxsplit=1)[0]:<12}", "dim"),
                f"half within {format_duration(stats.p50_ns)}, 99 of 100 within ",
                (format_duration(stats.p99_ns), "bold"),
                f", longest {format_duration(stats.max_ns)}",
            )
        )
    return Group(*lines)


def _warnings(summary: Summary) -> Group:
    return Group(*_warning_lines(summary))


def _warning_lines(summary: Summary) -> Iterable[Text]:
    for warning in summary.warnings:
        word = _SEVERITY_WORD[warning.severity]
        line = Text.assemble((f"{word}: ", _SEVERITY_STYLE[warning.severity]), warning.text)
        if warning.remedy:
            line.append(f"; {warning.remedy}", style="dim")
        yield line


def _thresholds(summary: Summary) -> Group:
    lines = []
    for outcome in summary.thresholds:
        mark, style = ("met", "green") if outcome.is_met else ("missed", "red")
        value = (
            "not measured" if outcome.value is None else format_value(outcome.value, outcome.unit)
        )
        line = Text.assemble((f"{mark:<7}", style), f"{outcome.text}  ", (f"was {value}", "bold"))
        if outcome.note:
            line.append(f"  ({outcome.note})", style="dim")
        lines.append(line)
    return Group(*lines)

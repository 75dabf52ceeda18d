"""The final report, for a terminal and as plain text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stormdb.analysis import Severity
from stormdb.report.facts import facts_table
from stormdb.report.pictures import distribution_chart, throughput_chart
from stormdb.report.styles import ALARM, DOUBT, GOOD
from stormdb.report.tables import (
    accounting_table,
    failures_table,
    metrics_table,
    rows_table,
    times_table,
    workers_table,
)
from stormdb.report.text import format_percent, format_value, time_word
from stormdb.units import format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary

__all__ = ["print_report"]

_WIDTH = 100
_LABEL_WIDTH = 15
_MANY = 0.01
_STATUS_STYLE = {"completed": GOOD, "interrupted": DOUBT, "failed": ALARM}
_SEVERITY_STYLE = {
    Severity.UNTRUSTED: f"bold {ALARM}",
    Severity.DOUBT: DOUBT,
    Severity.NOTE: "dim",
}
_VERDICT_WORDS = {
    "server_bound": "server bound",
    "client_bound": "client bound",
    "offered_rate": "at the offered rate",
}
_SEVERITY_WORD = {
    Severity.UNTRUSTED: "do not trust",
    Severity.DOUBT: "doubt",
    Severity.NOTE: "note",
}


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
    stream = stream or sys.stdout
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if width is None:
        width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    console.width = width
    with console.capture() as capture:
        for block in _blocks(summary, width, again):
            console.print()
            console.print(block)
    # Tables fill their cells with spaces, which nobody wants in a file.
    text = "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
    # Characters that the stream cannot write become marks, and the report goes on.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def _blocks(summary: Summary, width: int, again: str) -> Iterator[RenderableType]:
    """From the details to what matters most, which is on the screen when the run is over."""
    yield _headline(summary, width)
    yield Padding(facts_table(summary), (0, 0, 0, 2))
    if summary.total.committed_count:
        yield from _details(summary, width)
    if summary.failures or summary.drops:
        yield _section("failures", failures_table(summary), width)
    yield _section("accounting", accounting_table(summary, width), width)
    yield _section(
        "result", Group(*_result(summary), _thresholds(summary), _verdict(summary)), width
    )
    if summary.warnings:
        yield _section("what to doubt", _warnings(summary), width)
    if again:
        line = Table.grid(padding=(0, 2))
        line.add_row(Text("  again", style="dim"), again)
        yield line


def _details(summary: Summary, width: int) -> Iterator[RenderableType]:
    if len([point for point in summary.intervals if point.role != "drain"]) > 1:
        yield _section("throughput over time", throughput_chart(summary, width - 2), width)
    kinds = [row.name for row in summary.transactions]
    of_what = kinds[0] if len(kinds) == 1 else "all transactions"
    title = f"{time_word(summary.main_time)} of {of_what}"
    yield _section(title, distribution_chart(summary, width - 2), width)
    yield _section("times", times_table(summary, width), width)
    yield _section("transactions", rows_table(summary), width)
    if summary.counters or summary.values:
        yield _section("custom metrics", metrics_table(summary, width), width)
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
        f"stormdb {run.generator.get('stormdb', '')} · ",
        (run.workload, "bold"),
        " · ",
        (status, _STATUS_STYLE[status]),
        no_wrap=True,
    )
    when = f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    line.append(when.rjust(max(width - line.cell_len, len(when) + 2)), style="dim")
    return line


def _result(summary: Summary) -> Iterator[Text]:
    """The numbers that one would tell a colleague, and whether to."""
    if not summary.is_trusted:
        yield _line("trust", ("do not use these numbers", f"bold {ALARM}"), ": see below why")
    if not summary.total.committed_count:
        return
    estimate = summary.throughput
    rate = (format_rate(estimate.per_s), "bold")
    if estimate.low_per_s is None or estimate.high_per_s is None:
        why = f"  no interval: {estimate.why_no_interval}"
        yield _line("throughput", rate, (why, "dim"))
    else:
        span = f"  {format_rate(estimate.low_per_s)} to {format_rate(estimate.high_per_s)}"
        worth = round(estimate.effective_count)
        basis = f" (95 %, {estimate.interval_count} intervals"
        basis += ")" if worth == estimate.interval_count else f" worth {worth} independent ones)"
        yield _line("throughput", rate, span, (basis, "dim"))
    if stats := summary.main_time_of(summary.total):
        yield _line(
            time_word(summary.main_time),
            (f"p50 {format_duration(stats.p50_ns)} · ", ""),
            (f"p99 {format_duration(stats.p99_ns)}", "bold"),
            f" · max {format_duration(stats.max_ns)}",
        )
    shares = {"failed": summary.error_ratio, "retried": summary.retry_ratio}
    if summary.is_open_loop:
        yield _line("offered", format_rate(summary.offered_per_s))
        shares["dropped"] = summary.dropped_ratio
    for name, ratio in shares.items():
        if ratio or name == "failed":
            yield _line(name, (format_percent(ratio), ALARM if ratio > _MANY else ""))


def _verdict(summary: Summary) -> Table:
    """What set the pace, and the evidence below it."""
    table = _labelled()
    verdict = summary.verdict
    if verdict is None:
        return table
    words = _VERDICT_WORDS[verdict.kind]
    style = f"bold {ALARM}" if verdict.kind == "client_bound" else "bold"
    table.add_row("verdict", Text.assemble((words, style), f": {verdict.reason}"))
    evidence = []
    if verdict.busy_ratio is not None:
        part = "thread" if summary.run.executor.kind == "native" else "process"
        evidence.append(f"busiest {part} {format_percent(verdict.busy_ratio)} of a core")
    if verdict.schedule_lag_p99_ns is not None:
        evidence.append(f"schedule lag p99 {format_duration(verdict.schedule_lag_p99_ns)}")
    if use := verdict.ceiling:
        ceiling = f"{format_percent(use.used_ratio)} of {format_rate(use.ceiling_per_s)}"
        evidence.append(f"ceiling used {ceiling}")
    else:
        evidence.append("ceiling unknown (`stormdb calibrate`)")
    table.add_row("", Text(" · ".join(evidence), style="dim"))
    return table


def _line(name: str, *parts: str | tuple[str, str]) -> Text:
    return Text.assemble((f"{name:<{_LABEL_WIDTH}}", "dim"), *parts)


def _labelled() -> Table:
    """A grid whose first column is as wide as that of `_line`."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=_LABEL_WIDTH - 2, style="dim", no_wrap=True)
    return table


def _thresholds(summary: Summary) -> Table:
    table = _labelled()
    table.add_column(no_wrap=True)
    for outcome in summary.thresholds:
        mark = Text("met", GOOD) if outcome.is_met else Text("missed", f"bold {ALARM}")
        was = "not measured" if outcome.value is None else format_value(outcome.value, outcome.unit)
        note = f"  {outcome.note}" if outcome.note else ""
        table.add_row(
            "threshold", mark, Text.assemble(f"{outcome.text}: ", (was, "bold"), (note, "dim"))
        )
    return table


def _warnings(summary: Summary) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for warning in summary.warnings:
        remedy = f"; {warning.remedy}" if warning.remedy else ""
        table.add_row(
            Text(_SEVERITY_WORD[warning.severity], _SEVERITY_STYLE[warning.severity]),
            Text.assemble(warning.text, (remedy, "dim")),
        )
    return table

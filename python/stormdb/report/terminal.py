"""The final report, for a terminal and as plain text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stormdb.report.facts import facts_table
from stormdb.report.sections import (
    LABEL_WIDTH,
    details,
    headline,
    section,
    thresholds_table,
    verdict_table,
    warnings_table,
)
from stormdb.report.styles import ALARM
from stormdb.report.tables import accounting_table, failures_table
from stormdb.report.terminal_several import blocks_of_several
from stormdb.report.text import format_percent, time_word
from stormdb.units import format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary, Together

__all__ = ["print_report"]

_WIDTH = 100
_MANY = 0.01


def print_report(
    summaries: Sequence[Summary],
    stream: TextIO | None = None,
    *,
    whole: Together | None = None,
    width: int | None = None,
    again: str = "",
) -> None:
    """Print the final report.

    Args:
        summaries: of each workload of the run.
        stream: where to; standard output by default.
        whole: the workloads together; needed if there are several.
        width: columns; by default those of the terminal up to 100, or 100 without a terminal.
        again: the command that makes this run again; "" leaves the line out.
    """
    stream = stream or sys.stdout
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if width is None:
        width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    console.width = width
    with console.capture() as capture:
        if whole is None or len(summaries) == 1:
            blocks = _blocks(summaries[0], width)
        else:
            blocks = blocks_of_several(summaries, whole, width)
        for block in (*blocks, *_again(again)):
            console.print()
            console.print(block)
    # Tables fill their cells with spaces, which nobody wants in a file.
    text = "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
    # Characters that the stream cannot write become marks, and the report goes on.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def _blocks(summary: Summary, width: int) -> Iterator[RenderableType]:
    """From the details to what matters most, which is on the screen when the run is over."""
    yield headline(summary.run, summary.run.workload, summary.run.status.value, width)
    yield Padding(facts_table(summary), (0, 0, 0, 2))
    if summary.total.committed_count:
        yield from details(summary, width)
    if summary.failures or summary.drops:
        yield section("failures", failures_table(summary), width)
    yield section("accounting", accounting_table([summary], summary.accounting, width), width)
    part = "thread" if summary.run.executor.kind == "native" else "process"
    yield section(
        "result",
        Group(
            *_result(summary),
            thresholds_table({"": summary.thresholds}),
            verdict_table(summary.verdict, part),
        ),
        width,
    )
    if summary.warnings:
        table = warnings_table([("", warning) for warning in summary.warnings])
        yield section("what to doubt", table, width)


def _again(command: str) -> Iterator[RenderableType]:
    if command:
        line = Table.grid(padding=(0, 2))
        line.add_row(Text("  again", style="dim"), command)
        yield line


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


def _line(name: str, *parts: str | tuple[str, str]) -> Text:
    return Text.assemble((f"{name:<{LABEL_WIDTH}}", "dim"), *parts)

"""Sections of the final report that a run of one workload and one of several have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stormdb.analysis import Severity
from stormdb.report.pictures import distribution_chart, throughput_chart
from stormdb.report.styles import ALARM, DOUBT, GOOD
from stormdb.report.tables import metrics_table, rows_table, times_table, workers_table
from stormdb.report.text import format_percent, format_value, time_word
from stormdb.units import format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary
    from stormdb.analysis.summary import RunFacts, RunWarning, ThresholdOutcome
    from stormdb.analysis.verdict import Verdict

__all__ = [
    "LABEL_WIDTH",
    "details",
    "headline",
    "labelled",
    "section",
    "thresholds_table",
    "verdict_table",
    "warnings_table",
]

LABEL_WIDTH = 15
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


def headline(run: RunFacts, what: str, status: str, width: int) -> Text:
    """What was run, how it ended, when.

    Args:
        run: of the workload that started first.
        what: was run.
        status: how it ended.
        width: of the page.
    """
    line = Text.assemble(
        f"stormdb {run.generator.get('stormdb', '')} · ",
        (what, "bold"),
        " · ",
        (status, _STATUS_STYLE[status]),
        no_wrap=True,
    )
    when = f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    line.append(when.rjust(max(width - line.cell_len, len(when) + 2)), style="dim")
    return line


def details(summary: Summary, width: int) -> Iterator[RenderableType]:
    """Charts and tables of one workload."""
    if len([point for point in summary.intervals if point.role != "drain"]) > 1:
        yield section("throughput over time", throughput_chart(summary, width - 2), width)
    kinds = [row.name for row in summary.transactions]
    of_what = kinds[0] if len(kinds) == 1 else "all transactions"
    title = f"{time_word(summary.main_time)} of {of_what}"
    yield section(title, distribution_chart(summary, width - 2), width)
    yield section("times", times_table(summary, width), width)
    yield section("transactions", rows_table(summary), width)
    if summary.counters or summary.values:
        yield section("custom metrics", metrics_table(summary, width), width)
    if summary.workers:
        yield section("workers and generator", workers_table(summary), width)


def section(title: str, body: RenderableType, width: int) -> RenderableType:
    """A titled part of the report."""
    rule = Text.assemble(("── ", "dim"), (title, "bold"), " ", no_wrap=True)
    rule.append("─" * max(width - rule.cell_len, 0), style="dim")
    return Group(rule, Padding(body, (0, 0, 0, 2)))


def labelled() -> Table:
    """A grid whose first column is as wide as the labels of the result."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=LABEL_WIDTH - 2, style="dim", no_wrap=True)
    return table


def thresholds_table(outcomes: Mapping[str, Sequence[ThresholdOutcome]]) -> Table:
    """Each condition by whose it is: a workload's name, or "" where that is plain."""
    table = labelled()
    table.add_column(no_wrap=True)
    for name, outcome in ((name, one) for name, some in outcomes.items() for one in some):
        mark = Text("met", GOOD) if outcome.is_met else Text("missed", f"bold {ALARM}")
        was = "not measured" if outcome.value is None else format_value(outcome.value, outcome.unit)
        note = f"  {outcome.note}" if outcome.note else ""
        about = f"{name}: " if name else ""
        table.add_row(
            "threshold",
            mark,
            Text.assemble(f"{about}{outcome.text}: ", (was, "bold"), (note, "dim")),
        )
    return table


def verdict_table(verdict: Verdict | None, part: str) -> Table:
    """What set the pace, and the evidence below it.

    Args:
        verdict: of a workload, or of all together.
        part: what the generator consists of, such as `thread`.
    """
    table = labelled()
    if verdict is None:
        return table
    words = _VERDICT_WORDS[verdict.kind]
    style = f"bold {ALARM}" if verdict.kind == "client_bound" else "bold"
    table.add_row("verdict", Text.assemble((words, style), f": {verdict.reason}"))
    evidence = []
    if verdict.busy_ratio is not None:
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


def warnings_table(warnings: Sequence[tuple[str, RunWarning]]) -> Table:
    """Each warning with whose it is, "" where that is plain."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for name, warning in warnings:
        remedy = f"; {warning.remedy}" if warning.remedy else ""
        about = f"{name}: " if name else ""
        table.add_row(
            Text(_SEVERITY_WORD[warning.severity], _SEVERITY_STYLE[warning.severity]),
            Text.assemble((about, "bold"), warning.text, (remedy, "dim")),
        )
    return table

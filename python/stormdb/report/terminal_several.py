"""The final report of a run of several workloads: each of them, then all together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stormdb.analysis import Severity
from stormdb.report.facts import machines_table, workload_table
from stormdb.report.pictures import together_chart
from stormdb.report.sections import (
    headline,
    section,
    thresholds_table,
    verdict_table,
    warnings_table,
)
from stormdb.report.styles import ALARM
from stormdb.report.tables import (
    accounting_table,
    failures_table,
    metrics_table,
    name_cell,
    plain_table,
    rows_table,
    times_table,
    workers_table,
)
from stormdb.report.text import format_percent, format_span, time_word
from stormdb.units import format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary, Together
    from stormdb.analysis.distribution import TimeStats
    from stormdb.analysis.summary import RunWarning
    from stormdb.analysis.together import Company

__all__ = ["blocks_of_several"]

_WORST_FIRST = ("failed", "interrupted", "completed")
_TIMES = ("p50", "p95", "p99", "max")
_FEW_TIMES = ("p50", "p99")
_WHOLE_WIDTH = 78


def blocks_of_several(
    summaries: Sequence[Summary], whole: Together, width: int
) -> Iterator[RenderableType]:
    """From the details to what matters most, which is on the screen when the run is over."""
    first = summaries[0]
    status = min((one.run.status.value for one in summaries), key=_WORST_FIRST.index)
    earliest = min((one.run for one in summaries), key=lambda run: run.started_at)
    yield headline(earliest, ", ".join(whole.workloads), status, width)
    yield Padding(machines_table(first), (0, 0, 0, 2))
    for summary in summaries:
        yield section(summary.run.name, _workload(summary, width), width)
    if len(whole.intervals) > 1:
        yield section("throughput over time", together_chart(whole, width - 2), width)
    yield section("accounting", accounting_table(summaries, whole.accounting, width), width)
    if whole.company:
        yield section("beside one another", _company(whole, width), width)
    outcomes = {one.run.name: one.thresholds for one in summaries}
    yield section(
        "result",
        Group(
            _result(summaries, whole, width),
            thresholds_table({**outcomes, "together": whole.thresholds}),
            verdict_table(whole.verdict, _part(summaries)),
        ),
        width,
    )
    if warnings := _warnings(summaries):
        yield section("what to doubt", warnings_table(warnings), width)


def _workload(summary: Summary, width: int) -> RenderableType:
    parts: list[RenderableType] = [workload_table(summary)]
    if summary.total.committed_count:
        parts += [times_table(summary, width), Text(), rows_table(summary)]
        if summary.counters or summary.values:
            parts += [Text(), metrics_table(summary, width)]
        if summary.workers:
            parts += [Text(), workers_table(summary)]
    if summary.failures or summary.drops:
        parts += [Text(), failures_table(summary)]
    return Group(*parts)


def _part(summaries: Sequence[Summary]) -> str:
    kinds = {one.run.executor.kind for one in summaries}
    words = {"native": "thread", "coroutine": "process"}
    return " or ".join(word for kind, word in words.items() if kind in kinds)


def _result(summaries: Sequence[Summary], whole: Together, width: int) -> RenderableType:
    """The numbers that one would tell a colleague; fewer columns where there is no room."""
    rows = [
        (one.run.name, one.offered_per_s, one.total, one.error_ratio, one.main_time)
        for one in summaries
    ]
    rows.append(("together", whole.offered_per_s, whole.total, whole.error_ratio, whole.main_time))
    columns: tuple[str, ...] = ("offered", "throughput", "failed", "time", *_TIMES)
    if width < _WHOLE_WIDTH:
        columns = ("throughput", "failed", *_FEW_TIMES)
    table = plain_table("", *columns)
    for name, offered_per_s, total, error_ratio, main_time in rows:
        is_open_loop = main_time == "response_time"
        stats: TimeStats | None = getattr(total, main_time)
        cells: dict[str, str | Text] = {
            "offered": format_rate(offered_per_s) if is_open_loop else "-",
            "throughput": Text(format_rate(total.throughput_per_s), style="bold"),
            "failed": Text(format_percent(error_ratio), style=ALARM if error_ratio else ""),
            "time": Text(time_word(main_time).removesuffix(" time"), style="dim"),
            **dict(zip(_TIMES, _times(stats, _TIMES), strict=True)),
        }
        table.add_row(name_cell(name), *(cells[column] for column in columns))
    untrusted = [one.run.name for one in summaries if not one.is_trusted]
    if not untrusted:
        return Group(table, Text())
    words = f"do not use the numbers of {', '.join(untrusted)}"
    return Group(table, Text(), Text.assemble((words, f"bold {ALARM}"), ": see below why"))


def _times(stats: TimeStats | None, names: Sequence[str]) -> list[str]:
    if stats is None:
        return ["-"] * len(names)
    return [format_duration(getattr(stats, f"{name}_ns")) for name in names]


def _company(whole: Together, width: int) -> Table:
    """What a workload was like while others were at work, and while they were not."""
    names = _TIMES if width >= _WHOLE_WIDTH else _FEW_TIMES
    table = plain_table("", "for", "throughput", *names)
    for one in whole.company:
        table.add_row(
            name_cell(f"{one.workload} {_beside(one)}"),
            format_span(one.length_ns),
            format_rate(one.throughput_per_s),
            *_times(one.time, names),
        )
    return table


def _beside(one: Company) -> str:
    return f"beside {', '.join(one.beside)}" if one.beside else "alone"


def _warnings(summaries: Sequence[Summary]) -> list[tuple[str, RunWarning]]:
    """What is said of every workload is said once."""
    owners: dict[RunWarning, list[str]] = {}
    for one in summaries:
        for warning in one.warnings:
            owners.setdefault(warning, []).append(one.run.name)
    order = {warning: index for index, warning in enumerate(owners)}
    severities = list(Severity)
    ordered = sorted(owners, key=lambda w: (severities.index(w.severity), order[w]))
    return [
        ("" if len(owners[one]) == len(summaries) else ", ".join(owners[one]), one)
        for one in ordered
    ]

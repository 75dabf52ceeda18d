"""The tables where they vary with what was measured and with the room there is."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from stormdb.analysis import Summary, summarise
from stormdb.report.tables import (
    accounting_table,
    failures_table,
    metrics_table,
    rows_table,
    times_table,
    workers_table,
)
from tests.support.measured import MS_NS, Outcome, closed_run
from tests.unit.report import results


def text_of(renderable: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


@pytest.fixture(scope="module")
def stalled() -> Summary:
    return summarise(results.stalled())


@pytest.mark.parametrize(
    ("width", "headers"),
    [
        (100, "p50 p90 p95 p99 p99.9 max mean stdev"),
        (80, "p50 p90 p95 p99 p99.9 max"),
        (60, "p50 p95 p99 max"),
    ],
)
def test_times_drop_columns_where_there_is_no_room(
    stalled: Summary, width: int, headers: str
) -> None:
    lines = text_of(times_table(stalled, width), width).splitlines()
    assert lines[0].split() == headers.split()


def test_one_kind_of_transaction_is_shown_by_its_name_and_not_twice() -> None:
    summary = summarise(results.simple())
    (row,) = text_of(rows_table(summary)).splitlines()[1:]
    assert row.split()[0] == "transfer"
    times = text_of(times_table(summary, 100))
    assert [line.split()[0] for line in times.splitlines()[2:3]] == ["transfer"]
    assert "all" not in times
    assert "all" in text_of(rows_table(summarise(results.empty())))


def test_statements_stand_below_their_transaction() -> None:
    summary = summarise(results.simple())
    (transfer,) = summary.transactions
    operations = tuple(
        replace(transfer, name=name, kind="operation")
        for name in ("transfer / UPDATE account", "transfer / SELECT 1 / 2", "other / part")
    )
    text = text_of(times_table(replace(summary, operations=operations), 100))
    names = [line.strip().split("  ")[0] for line in text.splitlines()]
    below = names.index("parts of transfer")
    assert names[below:][:5] == [
        "parts of transfer",
        "UPDATE account",
        "SELECT 1 / 2",
        "parts (service)",
        "other / part",
    ]


def test_rollbacks_have_a_column_only_if_there_are_any(stalled: Summary) -> None:
    assert "rolled back" not in text_of(rows_table(stalled))
    undone = closed_run(
        [("steady", "steady", 2.0)],
        lambda worker, at_ns: Outcome(service_ns=10 * MS_NS, rolls_back=at_ns % (50 * MS_NS) == 0),
    )
    assert "rolled back" in text_of(rows_table(summarise(undone)))


def test_marks_explain_themselves_only_where_there_are_any(stalled: Summary) -> None:
    assert "chance decides" in text_of(times_table(stalled, 100))
    total = stalled.total
    assert total.response_time is not None
    clean = replace(
        stalled,
        transactions=(),
        operations=(),
        total=replace(total, failed_service_time=None),
    )
    assert "chance decides" not in text_of(times_table(clean, 100))


def test_failures_outside_of_steady_are_told_apart(stalled: Summary) -> None:
    text = text_of(failures_table(stalled))
    assert "40001 serialization_failure" in text
    assert "2 outside of steady" in " ".join(text.split())
    assert "dropped  queue full" in text


def test_metrics_without_values_have_no_table_of_values(stalled: Summary) -> None:
    text = text_of(metrics_table(replace(stalled, values=()), 100))
    assert "value" not in text
    assert "cache_miss" in text


def test_metrics_drop_columns_where_there_is_no_room(stalled: Summary) -> None:
    def headers(width: int) -> str:
        return " ".join(text_of(metrics_table(stalled, width), width).splitlines()[0].split())

    assert headers(100) == "value count mean min p50 p95 p99 max"
    assert headers(80) == "value count mean p50 p99 max"
    assert headers(60) == "value count mean max"


def test_a_narrow_accounting_leaves_out_what_never_happened(stalled: Summary) -> None:
    wide, narrow = (
        text_of(accounting_table([stalled], stalled.accounting, width), width).splitlines()
        for width in (80, 60)
    )
    assert "rolled back" in wide[0]
    assert narrow[0].split() == ["offered", "committed", "failed", "dropped"]
    assert narrow[3].split() == ["total", "11,989", "11,688", "34", "267"]


def test_a_single_worker_has_no_spread(stalled: Summary) -> None:
    assert stalled.workers is not None
    alone = replace(stalled, workers=replace(stalled.workers, worker_count=1, idle_count=0))
    text = text_of(workers_table(alone))
    assert "median" not in text
    assert text.startswith("workers busy")


def test_idle_workers_are_told(stalled: Summary) -> None:
    assert stalled.workers is not None
    idle = replace(stalled, workers=replace(stalled.workers, idle_count=2))
    assert ", 2 did nothing" in text_of(workers_table(idle))


def test_accounting_that_does_not_hold_says_so(stalled: Summary) -> None:
    assert "unfinished: holds" in text_of(accounting_table([stalled], stalled.accounting, 100))
    wrong = replace(stalled, accounting=replace(stalled.accounting, holds=False))
    assert "unfinished: does not hold" in text_of(accounting_table([wrong], wrong.accounting, 100))

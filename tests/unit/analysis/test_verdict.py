"""What set the pace of a run: decided once, with its evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from stormdb.analysis import summarise, verdict
from stormdb.analysis.summary import Summary
from stormdb.analysis.verdict import Verdict
from stormdb.results import Calibration, Ceiling, ExecutorInfo, RunResult
from tests.support.measured import MS_NS, Facts, Outcome, closed_run, open_run

PHASES = [("warm-up", "warm_up", 1.0), ("steady", "steady", 20.0)]
NATIVE = ExecutorInfo(kind="native", threads=2, io="uring")


def ceiling(throughput_per_s: float = 1000.0, **shape: Any) -> Ceiling:
    """Of the runs below, unless a test says otherwise."""
    words = {"executor": "coroutine", "io": "", "parts": 1, "transport": "tcp", "connections": 4}
    return Ceiling(
        **(words | shape),
        throughput_per_s=throughput_per_s,
        cpu_ns=5_000,
        busy_ratio=0.9,
        server_busy_ratio=0.5,
        schedule_lag_p99_ns=50_000,
    )


def calibrated(result: RunResult, *ceilings: Ceiling) -> Summary:
    found = Calibration(machine={}, measured_at=datetime(2026, 1, 1, tzinfo=UTC), ceilings=ceilings)
    return summarise(replace(result, calibration=found))


def offered(service_ns: int = 10 * MS_NS, facts: Facts | None = None, **options: Any) -> RunResult:
    """200 arrivals a second for 4 workers, which can do 400."""
    return open_run(
        PHASES, lambda *_: Outcome(service_ns=service_ns), rate_per_s=200, facts=facts, **options
    )


def closed(service_ns: int = 10 * MS_NS, facts: Facts | None = None) -> RunResult:
    """4 workers without a pause."""
    return closed_run(PHASES, lambda *_: Outcome(service_ns=service_ns), facts=facts)


def verdict_of(result: RunResult) -> Verdict:
    found = summarise(result).verdict
    assert found
    return found


def test_a_server_that_keeps_up_is_at_the_offered_rate() -> None:
    found = verdict_of(offered())
    assert found.kind == "offered_rate"
    assert found.busy_ratio == pytest.approx(0.3)
    assert found.schedule_lag_p99_ns == 0
    assert found.ceiling is None


def test_a_server_that_falls_behind_is_the_bound() -> None:
    found = verdict_of(offered(service_ns=40 * MS_NS))  # 100 a second at most
    assert (found.kind, found.reason) == ("server_bound", "50 % of what was offered was served")


def test_what_was_dropped_was_not_served() -> None:
    assert verdict_of(offered(service_ns=40 * MS_NS, max_queue=5)).kind == "server_bound"


def test_a_closed_loop_waits_for_the_server() -> None:
    found = verdict_of(closed())
    assert found.kind == "server_bound"
    assert found.reason == "the workers waited for the server 100 % of the time"
    assert found.schedule_lag_p99_ns is None


def test_a_closed_loop_that_thinks_most_of_the_time_offers_what_it_wants() -> None:
    summary = summarise(closed())
    assert summary.workers
    thinking = replace(summary, workers=replace(summary.workers, busy_ratio=0.25))
    found = verdict.verdict_of(thinking, ())
    assert found
    assert found.kind == "offered_rate"
    assert found.reason == "the workers waited for the server 25 % of the time only"


@pytest.mark.parametrize("facts", [Facts(cpu_ratio=0.95), Facts(loop_lag_ns=200 * MS_NS)])
@pytest.mark.parametrize("run", [offered, closed])
def test_a_generator_that_is_busy_or_late_is_the_bound(run: Any, facts: Facts) -> None:
    assert verdict_of(run(facts=facts)).kind == "client_bound"


def test_a_run_that_measured_nothing_has_no_verdict() -> None:
    result = closed_run(PHASES, lambda *_: Outcome(service_ns=MS_NS, sqlstate="42P01"))
    assert summarise(result).verdict is None


def test_the_ceiling_that_was_used_is_that_of_the_same_shape() -> None:
    summary = calibrated(
        offered(),
        ceiling(100_000, connections=1),
        ceiling(2_000),
        ceiling(4_000, connections=16),
        ceiling(5, parts=2),
        ceiling(6, transport="unix"),
        ceiling(7, executor="native", io="poll"),
    )
    assert summary.ceiling
    assert summary.ceiling.ceiling_per_s == 2_000
    assert summary.ceiling.used_ratio == pytest.approx(0.1)
    assert summary.verdict
    assert summary.verdict.ceiling == summary.ceiling


def test_with_connections_between_two_measurements_the_fewer_count() -> None:
    facts = Facts(workers=9, connections=9)
    summary = calibrated(offered(facts=facts), ceiling(2_000), ceiling(4_000, connections=16))
    assert summary.ceiling
    assert summary.ceiling.connections == 4


@pytest.mark.parametrize(
    "other",
    [
        {"parts": 2},
        {"transport": "unix"},
        {"connections": 8},
        {"executor": "native", "io": "uring"},
    ],
)
def test_of_another_shape_no_ceiling_is_known(other: dict[str, Any]) -> None:
    assert calibrated(offered(), ceiling(**other)).ceiling is None


def test_native_runs_are_told_apart_by_their_io() -> None:
    result = replace(offered(), executor=NATIVE)
    shape = {"executor": "native", "parts": 2}
    summary = calibrated(result, ceiling(800, io="uring", **shape), ceiling(9, io="poll", **shape))
    assert summary.ceiling
    assert summary.ceiling.used_ratio == pytest.approx(0.25)


def test_statements_count_where_they_are_known() -> None:
    parts = [("read", MS_NS), ("write", MS_NS), ("commit", MS_NS)]
    result = open_run(
        PHASES, lambda *_: Outcome(service_ns=10 * MS_NS, parts=parts), rate_per_s=200
    )
    summary = calibrated(result, ceiling(2_000))
    assert summary.ceiling
    assert summary.ceiling.statements_per_s == pytest.approx(600)
    assert summary.ceiling.used_ratio == pytest.approx(0.3)


def test_near_its_ceiling_the_generator_is_the_bound_and_a_doubt_says_why() -> None:
    summary = calibrated(closed(), ceiling(450))
    assert summary.verdict
    assert summary.verdict.kind == "client_bound"
    (warning,) = (one for one in summary.warnings if one.code == "near_ceiling")
    assert "400/s statements are 89 % of what this generator reaches" in warning.text
    assert summary.is_trusted


def test_a_busy_generator_is_not_told_twice() -> None:
    summary = calibrated(closed(facts=Facts(cpu_ratio=0.95)), ceiling(450))
    codes = {warning.code for warning in summary.warnings}
    assert "generator_busy" in codes
    assert "near_ceiling" not in codes

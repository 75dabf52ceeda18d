"""The end of an open loop is the same in both executors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.it.executor.conftest import MS_NS, SECOND_NS, Loads, Outcome, constant, steady
from tests.support.native import run_native, statements

pytestmark = pytest.mark.parametrize("executor", ["native", "coroutine"])

SERVICE_MS = 20


def _run(loads: Loads, executor: str, rate: int, **options: Any) -> Outcome:
    """One second of arrivals that one worker serves in 20 ms each."""
    plan, sql = steady(1, constant(rate)), f"SELECT pg_sleep({SERVICE_MS / 1000})"
    if executor == "coroutine":
        return loads.run(f"await db.fetchval('{sql}')", plan, workers=1, **options)
    spec = loads.spec("pass", plan, workers=1, **options)
    return asyncio.run(run_native(spec, statements(sql)))


def test_arrivals_that_wait_at_the_end_are_served(loads: Loads, executor: str) -> None:
    outcome = _run(loads, executor, rate=75)
    assert outcome.counts() == {
        "offered": 75,
        "committed": 75,
        "failed": 0,
        "dropped": 0,
        "unfinished": 0,
    }
    # The last one was due at 0.99 s and ended after 75 times 20 ms.
    row = outcome.row()
    assert row.response_time.count == 75
    assert row.response_time.max_ns >= 75 * SERVICE_MS * MS_NS - 990 * MS_NS
    assert row.service_time.quantile(0.5) < 100 * MS_NS


def test_arrivals_that_still_wait_after_the_drain_are_dropped(loads: Loads, executor: str) -> None:
    outcome = _run(loads, executor, rate=200, drain_ns=300 * MS_NS)
    counts = outcome.counts()
    assert counts["offered"] == 200
    assert 40 <= counts["committed"] <= 65
    assert counts["unfinished"] <= 1
    dropped = {}
    for phase in outcome.merged.identity():
        dropped |= phase.dropped_by_reason
    assert dropped == {"run_ended": 200 - counts["committed"] - counts["unfinished"]}
    assert 1.25 * SECOND_NS < outcome.total_ns < 3 * SECOND_NS


def test_arrivals_that_are_too_late_are_dropped_instead_of_started(
    loads: Loads, executor: str
) -> None:
    outcome = _run(loads, executor, rate=200, max_lag_ns=200 * MS_NS)
    counts = outcome.counts()
    (phase,) = outcome.merged.identity()
    assert set(phase.dropped_by_reason) == {"too_late"}
    assert counts["committed"] + counts["dropped"] == counts["offered"] == 200
    assert 35 <= counts["committed"] <= 65
    # None was started later than that, whatever the server took for it.
    assert outcome.row().schedule_lag.max_ns <= 210 * MS_NS

"""Truth tests: the server stands still for 2 s in the middle of a run of 10 s."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, database_of
from tests.it.executor.conftest import (
    MS_NS,
    SECOND_NS,
    Loads,
    Outcome,
    RunningLoad,
    constant,
    steady,
    target_of,
)
from tests.support.freeze import frozen

STALL_S = 2.0
RUN_S = 10
RATE = 500

READ = "await db.fetchval('SELECT 1')"


@pytest.fixture(scope="module")
def stalling_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(settings=FAST_SETTINGS) as started:
        yield started


def _run_with_stall(
    loads: Loads, server: EmbeddedServer, arrival: str | None, **options: int
) -> Outcome:
    async def stall(load: RunningLoad) -> None:
        await load.until(4)
        with frozen(server.pid):
            await load.until(4 + STALL_S)

    if arrival is None:
        plan = steady(RUN_S)
    else:
        plan = steady(RUN_S, constant(RATE), arrival=arrival, seed=3)
    target = target_of(database_of(server))
    return loads.run(READ, plan, workers=16, processes=2, during=stall, target=target, **options)


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_a_stall_is_in_the_response_time_and_not_in_the_service_time(
    loads: Loads, stalling_server: EmbeddedServer, arrival: str
) -> None:
    outcome = _run_with_stall(loads, stalling_server, arrival)
    row, counts = outcome.row(), outcome.counts()
    # No arrival is lost: each has been offered, and has been served.
    assert counts["committed"] == counts["offered"]
    assert counts["offered"] == pytest.approx(RUN_S * RATE, rel=0 if arrival == "constant" else 0.1)
    # A fifth of the arrivals came during the stall, and waited 1 s on average: of all arrivals
    # one in a hundred waited longer than 1.9 s.
    assert row.response_time.quantile(0.99) == pytest.approx(1.9 * SECOND_NS, rel=0.06)
    assert row.response_time.quantile(0.9) == pytest.approx(1.0 * SECOND_NS, rel=0.15)
    assert row.response_time.max_ns == pytest.approx(STALL_S * SECOND_NS, rel=0.1)
    # The service time knows of it in the calls only that were under way: 16 of 5000.
    assert row.service_time.quantile(0.5) < 20 * MS_NS
    assert row.service_time.quantile(0.95) < 100 * MS_NS
    long = row.service_time.count - row.service_time.count_at_or_below(SECOND_NS)
    assert 1 <= long <= 16
    assert outcome.end.problems == []


def test_the_stall_is_seen_in_the_seconds_in_which_it_was(
    loads: Loads, stalling_server: EmbeddedServer
) -> None:
    outcome = _run_with_stall(loads, stalling_server, "constant")
    committed = {
        index: sum(cell.committed for cell in snapshot.row_totals())
        for index, snapshot in outcome.per_second().items()
    }
    assert committed[5] == 0
    assert committed[6] == pytest.approx(3 * RATE, rel=0.2)
    assert all(committed[second] == pytest.approx(RATE, rel=0.1) for second in (1, 2, 3, 8, 9))


def test_closed_loop_shows_a_stall_in_its_longest_service_times_only(
    loads: Loads, stalling_server: EmbeddedServer
) -> None:
    outcome = _run_with_stall(loads, stalling_server, None, think_time_ns=20 * MS_NS)
    row, counts = outcome.row(), outcome.counts()
    assert counts["committed"] == counts["offered"] > 2000
    assert row.response_time.count == 0
    assert row.service_time.quantile(0.99) < 100 * MS_NS
    assert row.service_time.max_ns == pytest.approx(STALL_S * SECOND_NS, rel=0.1)
    long = row.service_time.count - row.service_time.count_at_or_below(SECOND_NS)
    assert 1 <= long <= 16

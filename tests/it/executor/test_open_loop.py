"""Open loop on a real server: every arrival has its intended start and its outcome."""

from __future__ import annotations

import pytest

from stormdb._native import Phase, Plan, Schedule
from stormdb.config import RetrySettings
from tests.conftest import Database
from tests.it.executor.conftest import MS_NS, SECOND_NS, Loads, constant, steady


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_the_same_seed_offers_the_same_work_whatever_the_number_of_processes(
    loads: Loads, database: Database, arrival: str
) -> None:
    database.fetch("CREATE TABLE drawn (run int, arrival int, value float)")

    def draw(run: int, processes: int) -> dict[int, float]:
        outcome = loads.run(
            f"""
            await db.execute('INSERT INTO drawn VALUES ({run}, $1, $2)',
                             ctx.iteration, ctx.random.random())
            """,
            steady(1, constant(200), arrival=arrival, seed=7),
            processes=processes,
            seed=7,
        )
        rows = database.fetch(f"SELECT arrival, value FROM drawn WHERE run = {run}")
        assert outcome.counts()["committed"] == outcome.counts()["offered"] == len(rows)
        return dict(map(tuple, rows))

    first, second = draw(1, 1), draw(2, 2)
    assert first == second
    assert len(set(first.values())) == len(first) > 150


def test_arrivals_beyond_the_queue_are_dropped_and_counted(
    loads: Loads, database: Database
) -> None:
    database.fetch("CREATE TABLE done (arrival int)")
    outcome = loads.run(
        """
        await db.execute('INSERT INTO done SELECT $1 FROM pg_sleep(0.05)', ctx.iteration)
        """,
        steady(2, constant(200)),
        workers=2,
        max_queue=10,
    )
    counts = outcome.counts()
    (phase,) = outcome.merged.identity()
    assert counts["offered"] == 400
    assert counts["committed"] == database.fetch("SELECT count(*) FROM done")[0][0]
    # Two workers at 50 ms serve 40 per second; the queue holds 10 that the drain still serves.
    assert 60 <= counts["committed"] <= 96
    assert phase.dropped_by_reason == {"queue_full": 400 - counts["committed"]}
    assert counts["unfinished"] == 0


def test_what_the_drain_does_not_reach_is_dropped_or_unfinished(
    loads: Loads, database: Database
) -> None:
    outcome = loads.run(
        "await db.fetch('SELECT pg_sleep(10)')",
        steady(0.5, constant(100)),
        workers=3,
        drain_ns=500 * MS_NS,
    )
    (phase,) = outcome.merged.identity()
    assert (phase.offered, phase.unfinished) == (50, 3)
    assert phase.dropped_by_reason == {"run_ended": 47}
    assert phase.holds
    assert outcome.end.problems == []
    assert outcome.total_ns < 3 * SECOND_NS


def test_a_blocked_event_loop_offers_every_arrival_at_its_intended_start(loads: Loads) -> None:
    outcome = loads.run(
        """
        if ctx.iteration == 100:
            time.sleep(0.6)
        await db.fetchval('SELECT 1')
        """,
        steady(2, constant(100)),
    )
    row, counts = outcome.row(), outcome.counts()
    assert (counts["offered"], counts["committed"]) == (200, 200)
    # The blocked call and the 59 arrivals that came due meanwhile waited, on average 0.3 s.
    late = 200 - row.schedule_lag.count_at_or_below(100 * MS_NS)
    assert 40 <= late <= 75
    assert 550 * MS_NS < row.response_time.max_ns < 900 * MS_NS
    (gauges,) = outcome.merged.processes.values()
    assert gauges.loop_lag_max_ns > 550 * MS_NS


def test_a_call_bears_the_name_of_its_only_operation(loads: Loads) -> None:
    outcome = loads.run(
        """
        name = ('read', 'write')[ctx.iteration % 2]
        start = time.monotonic()
        await db.fetch('SELECT pg_sleep(0.01)')
        metrics.record_operation(time.monotonic() - start, name=name)
        await asyncio.sleep(0.03)
        """,
        steady(1, constant(50)),
        workers=10,
    )
    assert outcome.rows() == {("read", "transaction"), ("write", "transaction")}
    assert outcome.row("read").committed == outcome.row("write").committed == 25
    assert outcome.row("read").service_time.quantile(0.5) < 30 * MS_NS
    assert outcome.row("read").response_time.count == 25


def test_several_operations_are_parts_of_their_call(loads: Loads) -> None:
    outcome = loads.run(
        """
        for name in ('first', 'second'):
            async with metrics.operation(name):
                await db.fetch('SELECT pg_sleep(0.01)')
        """,
        steady(1, constant(50)),
        workers=10,
    )
    assert outcome.rows() == {
        ("work", "transaction"),
        ("first", "operation"),
        ("second", "operation"),
    }
    assert outcome.counts() == {
        "offered": 50,
        "committed": 50,
        "failed": 0,
        "dropped": 0,
        "unfinished": 0,
    }
    part, whole = outcome.row("first", "operation"), outcome.row()
    assert (part.committed, part.response_time.count) == (50, 0)
    assert whole.service_time.quantile(0.5) > 20 * MS_NS > part.service_time.quantile(0.1)


def test_the_time_of_a_retried_call_spans_its_tries(loads: Loads, database: Database) -> None:
    database.fetch("CREATE SEQUENCE tries")
    outcome = loads.run(
        """
        async with metrics.operation('transfer'):
            await db.fetch('SELECT pg_sleep(0.02)')
            if await db.fetchval("SELECT nextval('tries') % 3") != 0:
                await db.execute("DO $$ BEGIN RAISE EXCEPTION USING errcode = '40P01'; END $$")
        """,
        steady(1, constant(20)),
        workers=1,
        retry=RetrySettings(max_tries=3, backoff="1ms"),
    )
    row = outcome.row("transfer")
    assert outcome.counts()["committed"] == row.committed == 20
    assert row.retried == {"40P01": 40}
    assert row.failed == {}
    assert row.service_time.min_ns > 60 * MS_NS


def test_each_phase_has_its_rate(loads: Loads) -> None:
    plan = Plan(
        [
            Phase("warm-up", "warm_up", SECOND_NS, constant(50)),
            Phase("steady", "steady", SECOND_NS, constant(200)),
        ]
    )
    outcome = loads.run("await db.fetchval('SELECT 1')", plan, processes=2)
    offered = [phase.offered for phase in outcome.merged.identity()]
    assert offered == [50, 200]
    assert sum(offered) == len(list(Schedule(plan)))


def test_a_full_pool_costs_schedule_lag_and_not_service_time(loads: Loads) -> None:
    outcome = loads.run(
        """
        start = time.monotonic()
        await db.fetchval('SELECT pg_sleep(0.02)')
        metrics.record_operation(time.monotonic() - start)
        """,
        steady(2, constant(75)),
        workers=20,
        connections=1,
    )
    row = outcome.row()
    assert outcome.counts()["offered"] == 150
    assert row.service_time.quantile(0.5) < 40 * MS_NS
    assert row.schedule_lag.quantile(0.9) > 200 * MS_NS

"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from events import PLUGIN
from events.workload import TODAY, WRONG_PARTITIONS

from stormdb.testing import PluginContract, Runner, ScratchDatabase

LEDGER, PLACES, PARTITIONS = (
    "each event that was written is there or was dropped with its day",
    "each event is in the partition of its day",
    "there is a partition for each day that is kept or to come",
)


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_no_event_is_lost_while_days_begin_and_end(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, executor: str
) -> None:
    often: dict[str, Any] = {"executor": executor, "workload_config": {"turns_per_mille": 100}}
    full_days = "SELECT count(*) FROM stormdb_events.retired WHERE dropped > 0"

    async def until_days_have_ended(_: object) -> None:
        async with stormdb_database.connected() as connection, asyncio.timeout(60):
            while await connection.fetchval(full_days) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    run = asyncio.run(
        stormdb_run.run("events", during=until_days_have_ended, duration="10m", **often)
    )
    assert run.failures == {}
    run = stormdb_run("events", setup=False, **often)  # to its end, where it is verified
    assert run.failures == {}
    assert {name for name, finding in run.findings.items() if not finding.ok} == set()


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_a_turn_counts_what_is_committed_under_a_stricter_level_of_the_run(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, executor: str
) -> None:
    stormdb_run("events", duration="200ms", workload_config={"turns_per_mille": 0})
    stormdb_database.fetch(
        "ALTER TABLE stormdb_events.retired ADD CHECK "
        "(current_setting('transaction_isolation') = 'read committed')"
    )
    run = stormdb_run(
        "events",
        executor=executor,
        setup=False,
        isolation="repeatable read",
        workload_config={"turns_per_mille": 1000},
    )
    assert "23514" not in run.failures
    (row,) = stormdb_database.fetch("SELECT count(*) AS days FROM stormdb_events.retired")
    assert row["days"] > 0


def test_the_partitions_are_those_of_the_calendar_where_a_day_has_no_midnight(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("events", duration="200ms", workload_config={"turns_per_mille": 0})

    async def counts() -> list[int]:
        """Partitions of other years, and those that are wrong where 8 September begins at one."""
        async with stormdb_database.connected() as connection:
            await connection.execute("SET search_path = stormdb_events")
            others = await connection.fetchval(
                "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event'::regclass"
            )
            await connection.execute("SET timezone = 'America/Santiago'")
            for day in (8, 9):
                await connection.execute(f"SELECT open_day('2024-09-0{day}')")
            await connection.execute(
                "UPDATE calendar SET oldest = '2024-09-08', today = '2024-09-09', ahead_days = 0"
            )
            return [others, await connection.fetchval(WRONG_PARTITIONS)]

    others, wrong = asyncio.run(counts())
    assert wrong == others


@pytest.mark.parametrize(
    ("harm", "broken"),
    [
        ("DELETE FROM stormdb_events.event WHERE id = 7", {LEDGER}),
        (
            "ALTER TABLE stormdb_events.event DETACH PARTITION stormdb_events.event_20300103",
            {LEDGER, PARTITIONS},
        ),
        ("ALTER TABLE stormdb_events.event_20300103 RENAME TO event_x", {PLACES, PARTITIONS}),
    ],
)
def test_verify_sees_what_is_lost_or_out_of_place(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, harm: str, broken: set[str]
) -> None:
    still = {"turns_per_mille": 0}
    stormdb_run("events", duration="200ms", workload_config=still)
    stormdb_database.fetch(harm)
    run = stormdb_run("events", setup=False, duration="200ms", workload_config=still)
    assert {name for name, finding in run.findings.items() if not finding.ok} == broken


def test_a_question_about_today_reads_one_partition(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("events", duration="200ms", workload_config={"turns_per_mille": 0})

    async def plan() -> list[str]:
        async with stormdb_database.connected() as connection:
            await connection.execute("SET search_path = stormdb_events")
            await connection.execute("SET enable_bitmapscan = off")  # one line for each scan
            sql = TODAY.replace("$1", "1")
            rows = await connection.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}")
            return [row[0] for row in rows]

    scans = [line for line in asyncio.run(plan()) if " on event_" in line]
    assert len(scans) > 1
    assert ["20300107" in line for line in scans if "never executed" not in line] == [True]

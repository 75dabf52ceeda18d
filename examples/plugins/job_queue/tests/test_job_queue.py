"""The contract of every plugin, and what this one promises: no job is lost or done twice."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from job_queue import PLUGIN
from job_queue.workload import BOOK, CLAIM

from stormdb.testing import PluginContract, Runner, ScratchDatabase

BALANCE = "queued = done + open"
LEDGER = "what is done is in the ledger, and nothing else"
SCHEMA = "stormdb_job_queue"


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_every_job_is_in_the_ledger_or_open(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, executor: str
) -> None:
    busy = {"enqueue_percent": 20, "crash_percent": 20}
    run = stormdb_run("job_queue", executor=executor, workload_config=busy)
    assert run.failures == {}
    assert run.findings[BALANCE].ok
    assert run.findings[LEDGER].ok
    (row,) = stormdb_database.fetch(f"SELECT count(*) FROM {SCHEMA}.ledger")
    assert 0 < row["count"] <= run.committed_count + run.unfinished_count


@pytest.mark.parametrize(
    "harm",
    [
        f"UPDATE {SCHEMA}.job SET done_at = now() WHERE id = 7",  # lost
        f"INSERT INTO {SCHEMA}.ledger (job_id) VALUES (7)",  # and open, so to be done twice
    ],
)
def test_verify_sees_a_job_that_is_lost_or_done_twice(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, harm: str
) -> None:
    still = {"enqueue_percent": 100}  # nobody takes the job
    stormdb_run("job_queue", duration="100ms", workload_config=still)
    stormdb_database.fetch(harm)
    run = stormdb_run("job_queue", setup=False, duration="100ms", workload_config=still)
    assert not run.findings[BALANCE].ok
    assert not run.findings[LEDGER].ok


def test_the_wait_of_a_job_goes_on_until_it_is_claimed(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("job_queue", duration="100ms", workload_config={"enqueue_percent": 100})

    async def waited_ms() -> float:
        async with stormdb_database.connected() as connection, connection.transaction():
            await connection.execute(f"SET search_path = {SCHEMA}")
            await connection.execute("UPDATE job SET priority = 0, visible_at = now() WHERE id = 7")
            (claimed,) = await connection.fetch(CLAIM)
            assert claimed["id"] == 7
            return float(claimed["waited_ms"])

    assert asyncio.run(waited_ms()) > 0  # though now() is what it was


def test_a_claimed_job_is_skipped_and_free_again_when_its_worker_dies(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("job_queue", duration="100ms", workload_config={"enqueue_percent": 100})

    async def claims() -> list[int]:
        one, two = [
            await asyncpg.connect(stormdb_database.url, server_settings={"search_path": SCHEMA})
            for _ in range(2)
        ]
        try:
            await one.execute("BEGIN")
            first = await one.fetchval(CLAIM)
            await one.execute(BOOK, first)
            second = await two.fetchval(CLAIM)
            pid = one.get_server_pid()
            await two.execute("SELECT pg_terminate_backend($1, 30000)", pid)  # until it is gone
            return [first, second, await two.fetchval(CLAIM)]
        finally:
            one.terminate()
            await two.close()

    first, second, again = asyncio.run(claims())
    assert first != second
    assert again == first

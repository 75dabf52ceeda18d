"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from tree import PLUGIN
from tree.workload import LOCK, MOVE, MOVE_LOCK

from stormdb.testing import PluginContract, Runner, ScratchDatabase

NO_CYCLE = "there is no cycle: every category hangs on the root"
STILL = {"move_percent": 0}
# A snapshot of the whole transaction is older than the lock that it waits for.
REFUSE_STALE = """
CREATE FUNCTION stormdb_tree.refuse_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'moved by an old snapshot';
    END IF;
    RETURN NULL;
END $$
"""


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


@pytest.mark.parametrize("executor", ["native", "coroutine"])
@pytest.mark.parametrize("guard", ["lock", "serializable"])
def test_moves_leave_a_tree(stormdb_run: Runner, executor: str, guard: str) -> None:
    run = stormdb_run(
        "tree", executor=executor, workload_config={"move_percent": 100, "guard": guard}
    )
    assert run.committed_count > 0
    assert run.failures.keys() <= {"40001"}  # tried again, but not for ever
    assert all(finding.ok for finding in run.findings.values())


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_the_lock_guards_under_a_stricter_level_of_the_run(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, executor: str
) -> None:
    stormdb_run("tree", duration="200ms", workload_config=STILL)
    stormdb_database.fetch(REFUSE_STALE)
    stormdb_database.fetch(
        "CREATE TRIGGER refuse_stale BEFORE UPDATE ON stormdb_tree.category "
        "EXECUTE FUNCTION stormdb_tree.refuse_stale()"
    )
    run = stormdb_run(
        "tree",
        executor=executor,
        setup=False,
        duration="500ms",
        isolation="repeatable read",
        workload_config={"move_percent": 100},
    )
    assert run.committed_count > 0
    assert run.failures == {}


def test_two_moves_at_once_make_a_cycle_unless_they_are_guarded(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("tree", duration="200ms", workload_config=STILL)

    async def moves(guard: str) -> list[str]:
        """Two branches, each moved below the other by transactions that overlap."""
        level = "SERIALIZABLE" if guard == "serializable" else "READ COMMITTED"
        async with stormdb_database.connected() as one, stormdb_database.connected() as two:
            for connection in (one, two):
                await connection.execute("SET search_path = stormdb_tree")
            await one.execute("UPDATE category SET parent_id = 1 WHERE id IN (2, 3)")
            for connection in (one, two):
                await connection.execute(f"BEGIN ISOLATION LEVEL {level}")
            if guard == "lock":
                await one.execute(LOCK, MOVE_LOCK)
                waiting = asyncio.ensure_future(two.execute(LOCK, MOVE_LOCK))
                first = await one.execute(MOVE, 2, 3)
                await one.execute("COMMIT")
                await waiting
                second = await two.execute(MOVE, 3, 2)
            else:
                first, second = await one.execute(MOVE, 2, 3), await two.execute(MOVE, 3, 2)
                await one.execute("COMMIT")
            try:
                await two.execute("COMMIT")
            except asyncpg.SerializationError:
                second = "refused"
            return [first, second]

    assert asyncio.run(moves("lock")) == ["UPDATE 1", "UPDATE 0"]
    assert asyncio.run(moves("serializable")) == ["UPDATE 1", "refused"]
    run = stormdb_run("tree", setup=False, duration="200ms", workload_config=STILL)
    assert run.findings[NO_CYCLE].ok
    assert asyncio.run(moves("none")) == ["UPDATE 1", "UPDATE 1"]
    run = stormdb_run("tree", setup=False, duration="200ms", workload_config=STILL)
    assert [name for name, finding in run.findings.items() if not finding.ok] == [NO_CYCLE]

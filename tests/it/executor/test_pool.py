"""The pool that `run` gets, on a real server: an `asyncpg.Pool` in all that a plugin does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from stormdb._native import CallRecord, Phase, Plan, Recorder
from stormdb.executor.pool import Connections, LoadConnection, WorkerPool, connector
from tests.conftest import Database
from tests.it.executor.conftest import target_of


class Pools:
    """The connections of a process and the pools of its workers."""

    def __init__(self, database: Database, connections: int = 2, workers: int = 3) -> None:
        connect = connector(target_of(database).to_wire(), {"search_path": "public"})
        self.connections = Connections(connections, connect)
        self.waits: list[int] = []
        recorder = Recorder(Plan([Phase("steady", "steady", 10**12)]))
        self.calls = [CallRecord(recorder, 0, worker, 0) for worker in range(workers)]
        self.of = [
            WorkerPool(self.connections, worker, call, self.waits.append)
            for worker, call in enumerate(self.calls)
        ]

    async def restored(self) -> None:
        """Wait until a connection has been lost, and another one has taken its place."""
        lost_count = 0
        async with asyncio.timeout(10):
            while not lost_count or self.connections.live_count < self.connections.size:
                await asyncio.sleep(0.005)
                lost_count += self.connections.take_lost_count()
        assert lost_count == 1


@pytest.fixture
async def pools(database: Database) -> AsyncIterator[Pools]:
    made = Pools(database)
    await made.connections.open()
    yield made
    await made.connections.close()


async def test_everything_that_a_plugin_calls_works(pools: Pools) -> None:
    db = pools.of[0]
    assert isinstance(db, asyncpg.Pool)
    assert await db.execute("CREATE TABLE item (id int, name text)") == "CREATE TABLE"
    assert await db.execute("INSERT INTO item VALUES ($1, $2)", 1, "a") == "INSERT 0 1"
    await db.executemany("INSERT INTO item VALUES ($1, $2)", [(2, "b"), (3, "c")])
    await db.copy_records_to_table("item", records=[(4, "d")], columns=["id", "name"])
    assert [row["id"] for row in await db.fetch("SELECT id FROM item ORDER BY id")] == [1, 2, 3, 4]
    assert tuple(await db.fetchrow("SELECT * FROM item WHERE id = $1", 2)) == (2, "b")
    assert await db.fetchval("SELECT id, name FROM item WHERE id = $1", 3, column=1) == "c"
    assert len(await db.fetchmany("SELECT name FROM item WHERE id = $1", [(1,), (2,)])) == 2
    async with db.acquire() as connection, connection.transaction():
        assert isinstance(connection, asyncpg.Connection)
        cursor = connection.cursor("SELECT id FROM item ORDER BY id")
        assert [row["id"] async for row in cursor] == [1, 2, 3, 4]
    connection = await db.acquire()
    assert await (await connection.prepare("SELECT 7")).fetchval() == 7
    await db.release(connection)
    await db.release(connection)
    assert (db.get_size(), db.get_idle_size(), db.get_max_size(), db.get_min_size()) == (2, 2, 2, 2)
    assert not db.is_closing()


@pytest.mark.parametrize("name", ["close", "terminate", "expire_connections", "set_connect_args"])
async def test_a_plugin_cannot_take_the_pool_away(pools: Pools, name: str) -> None:
    with pytest.raises(asyncpg.InterfaceError, match="belongs to stormdb"):
        getattr(pools.of[0], name)()
    with pytest.raises(asyncpg.InterfaceError, match="not a member of this pool"):
        await pools.of[0].release("connection")


async def test_a_worker_has_its_own_connection_while_there_are_enough(pools: Pools) -> None:
    first, second, _ = pools.of
    pids = [
        await pool.fetchval("SELECT pg_backend_pid()") for pool in (first, second, first, second)
    ]
    assert pids[:2] == pids[2:]
    assert pids[0] != pids[1]


async def test_what_a_session_was_set_to_stays(pools: Pools) -> None:
    await pools.of[0].execute("SET work_mem = '5MB'")
    assert await pools.of[0].fetchval("SHOW work_mem") == "5MB"
    assert await pools.of[1].fetchval("SHOW work_mem") != "5MB"


async def test_waiting_is_first_come_first_served_and_measured(pools: Pools) -> None:
    held = [await pools.of[0].acquire(), await pools.of[1].acquire()]
    order: list[int] = []

    async def ask(number: int) -> None:
        await pools.of[2].fetchval("SELECT 1")
        order.append(number)

    asking = [asyncio.ensure_future(ask(number)) for number in range(4)]
    await asyncio.sleep(0.02)
    assert order == []
    await pools.of[0].release(held[0])
    await asyncio.gather(*asking)
    await pools.of[1].release(held[1])
    assert order == [0, 1, 2, 3]
    assert len(pools.waits) == 4
    assert min(pools.waits) >= 15_000_000
    assert pools.calls[2].granted_ns > 0
    assert pools.calls[0].granted_ns == 0


async def test_a_wait_has_a_limit_and_loses_no_connection(pools: Pools) -> None:
    held = [await pools.of[0].acquire(), await pools.of[1].acquire()]
    with pytest.raises(TimeoutError):
        await pools.of[2].acquire(timeout=0.01)
    waiting = asyncio.ensure_future(pools.of[2].fetchval("SELECT 1"))
    await asyncio.sleep(0)
    await pools.of[0].release(held[0])
    waiting.cancel()  # it has just been given the connection
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pools.of[1].release(held[1])
    assert pools.of[2].get_idle_size() == 2


async def test_a_transaction_left_open_is_rolled_back_before_the_next_use(pools: Pools) -> None:
    db = pools.of[0]
    await db.execute("CREATE TABLE item (id int)")
    connection = await db.acquire()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO item VALUES (1)")
    await db.release(connection)
    await db.execute("BEGIN")
    for _ in range(8):
        async with db.acquire() as connection:
            assert not connection.is_in_transaction()
    assert await db.fetchval("SELECT count(*) FROM item") == 0


async def test_a_cancelled_statement_leaves_a_usable_connection(pools: Pools) -> None:
    db = pools.of[0]
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await db.fetchval("SELECT pg_sleep(30)")
        assert await db.fetchval("SELECT 1") == 1
    assert pools.connections.take_lost_count() == 0


async def test_a_connection_that_plugin_code_closed_is_replaced(pools: Pools) -> None:
    async with pools.of[0].acquire() as connection:
        await connection.close()
    await pools.restored()
    assert await pools.of[0].fetchval("SELECT 1") == 1


async def test_an_idle_connection_that_breaks_is_replaced_before_it_is_used(
    pools: Pools, database: Database
) -> None:
    pid = await pools.of[1].fetchval("SELECT pg_backend_pid()")
    await pools.of[0].fetchval("SELECT pg_terminate_backend($1)", pid)
    await pools.restored()
    assert await pools.of[1].fetchval("SELECT pg_backend_pid()") != pid


async def test_while_there_is_no_server_callers_fail_at_a_bounded_rate() -> None:
    attempts: list[float] = []
    loop = asyncio.get_running_loop()

    async def refuse() -> LoadConnection:
        attempts.append(loop.time())
        raise ConnectionRefusedError("refused")

    connections = Connections(1, refuse)
    connections._start(connections._replace(0))
    recorder = Recorder(Plan([Phase("steady", "steady", 10**12)]))
    db = WorkerPool(connections, 0, CallRecord(recorder, 0, 0, 0), lambda _: None)
    begin, failures = loop.time(), 0
    while loop.time() - begin < 1:
        with pytest.raises(asyncpg.ClientCannotConnectError, match=r"cannot connect.*refused"):
            await db.fetchval("SELECT 1")
        failures += 1
    # After 50, 150, 350, 750 and 1550 ms.
    assert failures <= 6
    assert len(attempts) <= 6
    await connections.close()


async def test_a_statement_outlives_a_change_of_its_table(pools: Pools) -> None:
    db = pools.of[0]
    await db.execute("CREATE TABLE item AS SELECT 1 AS id")
    for _ in range(3):
        assert tuple(await db.fetchrow("SELECT * FROM item")) == (1,)
    (connection,) = (one for one in pools.connections.idle.values() if one.statements)
    assert connection.statements["SELECT * FROM item"] is not None
    await db.execute("ALTER TABLE item ADD name text")
    for _ in range(3):
        assert tuple(await db.fetchrow("SELECT * FROM item")) == (1, None)
        assert await db.fetchval("SELECT id FROM item WHERE id = $1", 1, timeout=1) == 1
    assert db.get_idle_size() == 2
    assert len(pools.connections.idle) == 2


async def test_statements_that_never_come_again_are_not_prepared(pools: Pools) -> None:
    for number in range(150):
        assert await pools.of[0].fetchval(f"SELECT {number}") == number
    kept = [list(one.statements.values()) for one in pools.connections.idle.values()]
    assert sorted(map(len, kept)) == [0, 100]
    assert not any(filter(None, kept[0] + kept[1]))


async def test_a_failure_of_the_server_costs_no_statement(pools: Pools) -> None:
    db, query = pools.of[0], "SELECT 6 / $1::int"
    for _ in range(2):
        assert await db.fetchval(query, 2) == 3
    (connection,) = (one for one in pools.connections.idle.values() if one.statements)
    before = connection.statements[query]
    assert before is not None
    with pytest.raises(asyncpg.DivisionByZeroError):
        await db.fetchval(query, 0)
    assert connection.statements[query] is before
    assert await db.fetchval(query, 3) == 2


async def test_a_statement_that_the_session_lost_is_forgotten(pools: Pools) -> None:
    db, query = pools.of[0], "SELECT $1::int"
    for _ in range(2):
        assert await db.fetchval(query, 1) == 1
    await db.execute("DEALLOCATE ALL")
    with pytest.raises(asyncpg.InvalidSQLStatementNameError):
        await db.fetchval(query, 1)
    assert query not in pools.connections.idle[0].statements

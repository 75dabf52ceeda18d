"""What happens in the middle of a run: cancelled, cut off from the server, the server restarted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from stormdb.testing.outcome import BrokenPromiseError, NotTriedError
from stormdb.testing.state import tables_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from stormdb.testing.bench import Bench, Case
    from stormdb.testing.runner import LiveRun, Run
    from stormdb.testing.scratch import ScratchDatabase

__all__ = [
    "a_cancelled_run_ends",
    "a_cut_connection_is_counted_and_replaced",
    "a_restarted_server_is_counted_and_used_again",
]

_LONG = "10m"
"""Each of these runs is ended when its condition holds."""
_LIMIT_S = 30.0
_LOST = ("08", "57P")
"""SQLSTATEs of connections that are lost."""
_LOAD = (
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stormdb' "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


async def a_cancelled_run_ends(bench: Bench) -> str:
    """A run that is cancelled in the middle ends within 2 s."""
    return await bench.tries(lambda case: _cancelled(bench, case))


async def _cancelled(bench: Bench, case: Case) -> str:
    async def until_busy(live: LiveRun) -> None:
        await _begun(live, case)

    async with bench.copy(case.workload) as database:
        run = await bench.runner(database).run(
            case.workload, setup=False, during=until_busy, executor=case.executor, duration=_LONG
        )
        if not run.result.is_whole:
            raise BrokenPromiseError(
                f"{case} does not end when it is cancelled: {run.result.problem}",
                hint="let asyncio.CancelledError out of run(), and look at ctx.done in loops",
            )
        unfinished_count = run.summary.accounting.unfinished_count
        if unfinished_count and not bench.declaration.allows_long_calls:
            raise BrokenPromiseError(
                f"{unfinished_count} calls of {case} were still going on 2 s after the run was "
                "cancelled",
                hint="end loops when ctx.done is true, and pause with ctx.sleep; if one call "
                "takes that long, declare allows_long_calls = True",
            )
    return "ended in order"


async def _begun(live: LiveRun, case: Case) -> None:
    if not await live.has_committed(limit_s=_LIMIT_S):
        raise NotTriedError(f"{case} commits nothing within {_LIMIT_S:g} s")


async def a_cut_connection_is_counted_and_replaced(bench: Bench) -> str:
    """Transactions that lose their connection are counted as failed, and the run goes on."""

    async def cut(connection: asyncpg.Connection) -> None:
        await connection.execute(f"SELECT pg_terminate_backend(pid) {_LOAD}")

    return await bench.tries(lambda case: _survives(bench, case, cut, "its connections are cut"))


async def a_restarted_server_is_counted_and_used_again(bench: Bench) -> str:
    """When the server restarts, what was under way is counted as failed, and the run goes on."""
    if not bench.server.is_ours:
        raise NotTriedError("the server is not one that the kit has started")

    async def restart(_: asyncpg.Connection) -> None:
        await bench.server.restart()

    # One after the other: they have one server.
    return await bench.tries(
        lambda case: _survives(bench, case, restart, "the server restarts"), at_once=1
    )


async def _survives(
    bench: Bench,
    case: Case,
    strike: Callable[[asyncpg.Connection], Awaitable[None]],
    when: str,
) -> str:
    goes_on = was_waiting = False
    patience_s = bench.declaration.patience_s

    async def strike_amid(live: LiveRun) -> None:
        nonlocal goes_on, was_waiting
        await _begun(live, case)
        async with _held_up(database, bench.schema) as (connection, was_waiting):
            await strike(connection)
        goes_on = await live.has_committed(after_ns=time.monotonic_ns(), limit_s=patience_s)

    async with bench.copy(case.workload) as database:
        run = await bench.runner(database).run(
            case.workload, setup=False, during=strike_amid, executor=case.executor, duration=_LONG
        )
    if run.result.is_whole and not goes_on:
        raise BrokenPromiseError(
            f"{case} does not go on within {patience_s:g} s when {when}",
            hint="keep no connection and nothing that depends on one from call to call: ask the "
            "pool each time",
        )
    _check_survival(case, run, when, was_waiting=was_waiting)
    return f"{_lost_count(run)} failed, then it went on"


def _check_survival(case: Case, run: Run, when: str, *, was_waiting: bool) -> None:
    if not run.result.is_whole:
        raise BrokenPromiseError(
            f"a run of {case} breaks off when {when}: {run.result.problem}",
            hint="let the exception out of run(): stormdb counts it, and calls run() again",
        )
    if was_waiting and not _lost_count(run):
        raise BrokenPromiseError(
            f"{case} hides what fails when {when}: no transaction counts as failed",
            hint="let the exception out of run(), or tell it with metrics.record_error",
        )


def _lost_count(run: Run) -> int:
    return sum(count for state, count in run.failures.items() if state.startswith(_LOST))


@asynccontextmanager
async def _held_up(
    database: ScratchDatabase, schema: str
) -> AsyncIterator[tuple[asyncpg.Connection, bool]]:
    """Keep the load in the midst of its statements, by locks on the plugin's tables.

    What happens in the block then happens to transactions that are under way. Yields whether
    there are any: a load that touches no table does not wait.
    """
    import asyncpg

    async with database.connected() as connection:
        transaction = connection.transaction()
        await transaction.start()
        # If somebody must give way, it is the load.
        await connection.execute("SET LOCAL deadlock_timeout = '30s'")
        tables = await tables_of(connection, schema)
        if tables:
            await connection.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        yield connection, bool(tables) and await _has_waiters(connection)
        # It may have gone down with the server.
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await transaction.rollback()


async def _has_waiters(connection: asyncpg.Connection) -> bool:
    try:
        async with asyncio.timeout(_LIMIT_S / 3):
            # In a transaction the statistics stand still, unless they are asked to move.
            while not await connection.fetchval(
                f"SELECT count(*) {_LOAD} AND wait_event_type = 'Lock'"
            ):
                await connection.execute("SELECT pg_stat_clear_snapshot()")
                await asyncio.sleep(0.02)
    except TimeoutError:
        return False
    return True

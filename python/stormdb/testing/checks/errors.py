"""Errors of the server reach the report as they are: with their SQLSTATE and their message."""

from __future__ import annotations

import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from stormdb.errors import ConnectError, StormdbError
from stormdb.testing.outcome import BrokenPromiseError, NotTriedError
from stormdb.testing.scratch import PREFIX
from stormdb.testing.state import tables_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from stormdb.testing.bench import Bench, Case
    from stormdb.testing.runner import LiveRun, Run
    from stormdb.testing.scratch import ScratchDatabase

__all__ = ["a_full_table_is_told", "a_missing_table_is_told", "a_refused_permission_is_told"]

# What a server says that cannot make a file longer.
_FULL = """
CREATE FUNCTION {schema}.stormdb_test_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'disk_full',
        MESSAGE = format('could not extend table %s: No space left on device', TG_RELID::regclass),
        HINT = 'Check free disk space.';
END $$
"""
_TRIGGER = """
CREATE TRIGGER stormdb_test_full BEFORE INSERT OR UPDATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.stormdb_test_full()
"""


async def a_full_table_is_told(bench: Bench) -> str:
    """Where the disk is full, the report says so."""
    if not bench.declaration.writes:
        raise NotTriedError("writes = False is declared")
    return await bench.tries(lambda case: _full(bench, case))


async def _full(bench: Bench, case: Case) -> str:
    if not (await bench.measured(case)).writes:
        raise NotTriedError("it does not insert or update")
    async with bench.copy(case.workload) as database:
        async with database.connected() as connection:
            schema = await connection.fetchval("SELECT quote_ident($1)", bench.schema)
            await connection.execute(_FULL.format(schema=schema))
            for table in await tables_of(connection, bench.schema):
                await connection.execute(_TRIGGER.format(schema=schema, table=table))
        return await _told(bench, case, database, "53100", "its tables are full")


async def a_missing_table_is_told(bench: Bench) -> str:
    """Where a table is missing, the report names it."""
    return await bench.tries(lambda case: _missing(bench, case))


async def _missing(bench: Bench, case: Case) -> str:
    async with bench.copy(case.workload) as database:
        async with database.connected() as connection:
            for table in await _some_tables(bench, case, database):
                await connection.execute(f"DROP TABLE IF EXISTS {table} CASCADE")
        return await _told(bench, case, database, "42P01", "its tables are missing")


async def a_refused_permission_is_told(bench: Bench) -> str:
    """Where the role lacks a right, the report names what was refused."""
    return await bench.tries(lambda case: _refused(bench, case))


async def _refused(bench: Bench, case: Case) -> str:
    async with bench.copy(case.workload) as database:
        await _some_tables(bench, case, database)
        async with _poor_role(bench, database) as of_role:
            return await _told(bench, case, of_role, "42501", "its role may not use its tables")


async def _some_tables(bench: Bench, case: Case, database: ScratchDatabase) -> list[str]:
    async with database.connected() as connection:
        tables = await tables_of(connection, bench.schema)
    if not tables:
        raise NotTriedError(f"setup of {case.workload} makes no tables")
    return tables


@asynccontextmanager
async def _poor_role(bench: Bench, database: ScratchDatabase) -> AsyncIterator[ScratchDatabase]:
    """A role that may look into the schema, and use nothing in it."""
    import asyncpg

    name, password = PREFIX + secrets.token_hex(6), secrets.token_hex(12)
    async with database.connected() as connection:
        schema = await connection.fetchval("SELECT quote_ident($1)", bench.schema)
        try:
            await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        except asyncpg.InsufficientPrivilegeError as error:
            raise NotTriedError(f"the test kit may not make a role: {error}") from error
        await connection.execute(
            f"GRANT USAGE ON SCHEMA {schema} TO {name};"
            f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC"
        )
    try:
        yield database.of_role(name, password)
    finally:
        async with database.connected() as connection:
            await connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def _told(
    bench: Bench, case: Case, database: ScratchDatabase, sqlstate: str, when: str
) -> str:
    """Run, and look for the server's error in the report.

    A short run is enough where every transaction fails; if only a rare one does, it is waited for.
    """
    runner = bench.runner(database)

    async def until_it_fails(live: LiveRun) -> None:
        await live.has_failed(sqlstate, limit_s=bench.declaration.patience_s)

    try:
        run = await runner.run(case.workload, setup=False, executor=case.executor)
        if not run.failures and run.result.is_whole:
            run = await runner.run(
                case.workload,
                setup=False,
                executor=case.executor,
                during=until_it_fails,
                duration="10m",
            )
    except StormdbError as error:
        # Described statements are prepared when their connections open.
        if f"SQLSTATE {sqlstate}" in str(error):
            return str(error)
        if not isinstance(error, ConnectError) and "does not exist" in error.message:
            return str(error)
        raise
    return _check_told(case, run, sqlstate, when)


def _check_told(case: Case, run: Run, sqlstate: str, when: str) -> str:
    if sqlstate in run.failures:
        return run.examples[sqlstate]
    if run.failures:
        other = next(iter(run.failures))
        raise BrokenPromiseError(
            f"when {when}, {case} reports {other} instead of {sqlstate}: {run.examples[other]}",
            hint="let the exception of the database driver out of run() as it is",
        )
    raise BrokenPromiseError(
        f"when {when}, {case} reports no error and {run.committed_count} transactions as done",
        hint="catch no error of the server in run(), or tell it with metrics.record_error",
    )

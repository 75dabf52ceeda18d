"""A look at a workload on a server of its own: a short run, then every statement with its plan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.workshop import server_log
from stormdb.workshop.advice import Advice, ForeignKey, advise
from stormdb.workshop.statements import Statement, collect, nodes

if TYPE_CHECKING:
    import asyncpg

    from stormdb.analysis import Summary
    from stormdb.config import RunConfig
    from stormdb.plugins import Catalog
    from stormdb.server import EmbeddedServer

__all__ = ["Look", "look_at", "looking_server"]

_POOL_WAIT = "stormdb.pool_wait_ns"
_LOOK_RATE_PER_S = 100
"""Slow enough that each plan can be logged, and that every kind of transaction comes up."""
_LOOK_NS = 2_000_000_000
_MAX_LOG_BYTES = 64 * 2**20
_FOREIGN_KEYS = """
SELECT conname AS name, conrelid::regclass::text AS table,
       array(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
             JOIN pg_attribute ON attrelid = conrelid AND attnum = k.number
             ORDER BY place) AS columns
FROM pg_constraint
WHERE contype = 'f' AND NOT EXISTS (
    SELECT FROM pg_index
    WHERE indrelid = conrelid AND indisvalid AND indpred IS NULL
      AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey)
ORDER BY 2, 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen.

    Attributes:
        summary: of the run that was not slowed by looking.
        statements: what the server did for each.
        advice: what makes one doubt.
    """

    summary: Summary
    statements: list[Statement]
    advice: list[Advice]


@asynccontextmanager
async def looking_server(config: RunConfig) -> AsyncIterator[EmbeddedServer]:
    """A server that can be looked into, with the settings that a configuration asks for."""
    from stormdb.server import EmbeddedServer

    database = config.database
    server = EmbeddedServer(
        settings={
            "shared_preload_libraries": "pg_stat_statements,auto_explain",
            **database.settings,
            **server_log.SETTINGS,
        },
        pg_bin=Path(database.pg_bin) if database.pg_bin else None,
    )
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


async def look_at(
    config: RunConfig, catalog: Catalog, server: EmbeddedServer, *, duration_ns: int
) -> Look:
    """Make the data anew, run for a short time, then look at each statement.

    Args:
        config: what to run; its `database` is not used.
        catalog: where the plugin is found.
        server: one that `looking_server` started.
        duration_ns: how long the run takes.

    Raises:
        StormdbError: it did not come to a load.
    """
    from stormdb.analysis import summarise
    from stormdb.run import RunOptions, Session, Silent
    from stormdb.run.connect import close, connect
    from stormdb.run.reach import embedded_target

    connection = await connect(embedded_target(server))
    try:
        await _log_statements(connection, server.dbname, are_logged=False)
        plain = _short(config, server, duration_ns)
        options = RunOptions(setup=True, rebuild=True, create_extensions=True, confirm=_always)
        (result,) = await Session(plain, catalog, Silent(), options).run()
        summary = summarise(result)
        await _log_statements(connection, server.dbname, are_logged=True)
        offset = server.log_path.stat().st_size
        await Session(_slow(plain), catalog, Silent()).run()
        statements, transactions = collect(
            server_log.read_entries(_log_lines(server.log_path, offset))
        )
        return Look(
            summary=summary,
            statements=statements,
            advice=advise(
                statements,
                transactions,
                table_rows=await _table_rows(connection, statements),
                foreign_keys=[ForeignKey(**row) for row in await connection.fetch(_FOREIGN_KEYS)],
                pool_wait_ns=_pool_wait_ns(summary),
            ),
        )
    finally:
        await close(connection)


async def _always(_: str) -> bool:
    """The server is our own: whatever is on it was made for a look."""
    return True


def _short(config: RunConfig, server: EmbeddedServer, duration_ns: int) -> RunConfig:
    """The run on our server, without its phases and without a warm-up."""
    from pydantic import SecretStr

    from stormdb.config import DatabaseSettings

    database = DatabaseSettings.model_construct(
        type="postgres",
        hosts=(str(server.socket_dir),),
        ports=(server.port,),
        username=server.user,
        password=SecretStr(server.password),
        dbname=server.dbname,
        sslmode="disable",
        application_name=server_log.APPLICATION,
    )
    changes: dict[str, object] = {"database": database, "duration_ns": duration_ns}
    changes |= {"start_after_ns": 0, "warm_up_ns": 0, "cool_down_ns": 0}
    changes["load"] = config.load.model_copy(update={"phases": ()})
    return config.model_copy(update=changes)


def _slow(config: RunConfig) -> RunConfig:
    """The same as an open loop of a low rate."""
    load = config.load.model_copy(
        update={"arrival": "constant", "rate_micro_per_s": _LOOK_RATE_PER_S * 1_000_000}
    )
    return config.model_copy(update={"load": load, "duration_ns": _LOOK_NS})


async def _log_statements(connection: asyncpg.Connection, dbname: str, *, are_logged: bool) -> None:
    """Let new sessions log their statements, or not."""
    for name, value in server_log.TURN_ON.items():
        change = f"SET {name} = '{value}'" if are_logged else f"RESET {name}"
        await connection.execute(f'ALTER DATABASE "{dbname}" {change}')


async def _table_rows(
    connection: asyncpg.Connection, statements: list[Statement]
) -> Mapping[str, int]:
    """Rows of each table that is read from end to end."""
    tables = {
        node["Relation Name"]: node["Schema"]
        for statement in statements
        for node in nodes(statement.plan or {})
        if node.get("Node Type") == "Seq Scan"
    }
    return {
        table: await connection.fetchval(f'SELECT count(*) FROM "{schema}"."{table}"')  # noqa: S608
        for table, schema in tables.items()
    }


def _pool_wait_ns(summary: Summary) -> float:
    """The longest wait, also of those that ended after the run."""
    waits = (
        value.max
        for point in summary.intervals
        for value in point.values
        if value.name == _POOL_WAIT
    )
    return max(waits, default=0.0)


def _log_lines(path: Path, offset: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(_MAX_LOG_BYTES).decode(errors="replace").splitlines(keepends=True)

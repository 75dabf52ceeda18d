"""What the data of a workload goes through: three courses, each in one process of the plugin.

Several promises are about each of them; a step that fails is kept, for whom it concerns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from stormdb.errors import WorkloadError
from stormdb.testing.desk import open_desk
from stormdb.testing.state import State, difference, sessions, state_of, tables_of
from stormdb.testing.statements import Statement, statements_of

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import RunConfig
    from stormdb.plugin import Finding
    from stormdb.plugins import PluginRecord
    from stormdb.testing.desk import Desk
    from stormdb.testing.scratch import ScratchDatabase, ScratchServer

__all__ = ["First", "Larger", "Second", "Step", "go_first", "go_larger", "go_second"]

_T = TypeVar("_T")
_SETTLE_S = 5.0
"""How long the server may take to end a session that was closed."""
_DROP_S = 120.0
_BYSTANDER = "stormdb_bystander"

MayVary = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[_T]):
    """What came of a step: a value, or an error of the plugin."""

    value: _T | None = None
    error: WorkloadError | None = None

    def get(self) -> _T:
        """The value.

        Raises:
            WorkloadError: the step failed.
        """
        if self.error is not None:
            raise self.error
        assert self.value is not None
        return self.value


async def _step(work: Awaitable[_T]) -> Step[_T]:
    try:
        return Step(value=await work)
    except WorkloadError as error:
        return Step(error=error)


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """Data was made in an empty database, then verified.

    Attributes:
        changes: what setup changed outside of the schema.
        rows: what it made.
        findings: of verify.
        statements: of verify; None if the server does not tell.
    """

    changes: list[str]
    rows: State
    findings: Step[list[Finding]]
    statements: list[Statement] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """Data was made with the same seed in another database, made again, and dropped.

    Attributes:
        rows: what setup made.
        changes: what the setup after it changed in the schema.
        left: what is still there when all was dropped.
    """

    rows: State
    changes: Step[list[str]]
    left: Step[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Larger:
    """More data was made, beside tables of somebody else's, and dropped.

    Attributes:
        row_count: rows that setup made.
        harm: what the drop did to others.
    """

    row_count: int
    harm: Step[list[str]]


async def go_first(
    record: PluginRecord,
    config: RunConfig,
    server: ScratchServer,
    database: ScratchDatabase,
    may_vary: MayVary,
) -> First:
    """Make the data, and verify it; the data stays.

    Raises:
        WorkloadError: it cannot be made.
    """
    async with open_desk(record, config) as desk:
        before = await state_of(desk.connection, desk.schema, inside=False)
        await desk.make()
        after = await state_of(desk.connection, desk.schema, inside=False)
        rows = await state_of(desk.connection, desk.schema, inside=True, may_vary=may_vary)
        findings = await _step(desk.verify())
    return First(
        changes=difference(before, after),
        rows=rows,
        findings=findings,
        statements=await statements_of(server, database),
    )


async def go_second(
    record: PluginRecord, config: RunConfig, database: ScratchDatabase, may_vary: MayVary
) -> Second:
    """Make the data twice, and drop it."""
    async with database.connected() as watcher:
        before = await state_of(watcher, "", inside=False)
        async with open_desk(record, config) as desk:
            await desk.make()
            rows = await state_of(desk.connection, desk.schema, inside=True, may_vary=may_vary)
            changes = await _step(_again(desk))
            left = await _step(_left(watcher, before, desk))
    return Second(rows=rows, changes=changes, left=left)


async def _again(desk: Desk) -> list[str]:
    before = await state_of(desk.connection, desk.schema, inside=True)
    await desk.make()
    return difference(before, await state_of(desk.connection, desk.schema, inside=True))


async def _left(watcher: asyncpg.Connection, before: State, desk: Desk) -> list[str]:
    try:
        async with asyncio.timeout(_DROP_S):
            await desk.drop()
    except TimeoutError as error:
        raise WorkloadError(
            f"it does not end within {_DROP_S:g} s",
            hint="let no session and no prepared transaction hold locks when setup() has ended",
        ) from error
    await desk.leave()
    # The plugin's process is still there: what it holds, it holds on to.
    left = await _settled(watcher, desk.connection.get_server_pid())
    return left + difference(before, await state_of(watcher, "", inside=False))


async def _settled(watcher: asyncpg.Connection, known_pid: int) -> list[str]:
    """Sessions and locks that stay, besides one session."""
    loop = asyncio.get_running_loop()
    end = loop.time() + _SETTLE_S
    while True:
        known = f"session {known_pid} "
        found = [line for line in await sessions(watcher) if not line.startswith(known)]
        if not found or loop.time() > end:
            return found
        await asyncio.sleep(0.05)


async def go_larger(record: PluginRecord, config: RunConfig) -> Larger:
    """Make the data of a larger scale, and drop it beside what is somebody else's."""
    async with open_desk(record, config) as desk:
        fresh = await state_of(desk.connection, desk.schema, inside=False)
        await desk.make()
        row_count = (await state_of(desk.connection, desk.schema, inside=True)).row_count
        harm = await _step(_harm(desk, fresh))
    return Larger(row_count=row_count, harm=harm)


async def _harm(desk: Desk, fresh: State) -> list[str]:
    theirs = await _place_bystanders(desk.connection, desk.schema)
    before = await state_of(desk.connection, desk.schema, inside=False)
    await desk.drop()
    after = await state_of(desk.connection, desk.schema, inside=False)
    harm = [f"{name} is gone" for name in sorted(fresh.objects - after.objects)]
    return harm + [
        f"table {name} of somebody else is {'changed' if name in after.tables else 'gone'}"
        for name in theirs
        if after.tables.get(name) != before.tables[name]
    ]


async def _place_bystanders(connection: asyncpg.Connection, schema: str) -> list[str]:
    """Put tables of somebody else's beside the plugin's, under the same names."""
    await connection.execute(f"CREATE SCHEMA {_BYSTANDER}")
    placed = []
    for table in await tables_of(connection, schema):
        for other in ("public", _BYSTANDER):
            name = f"{other}.{table.partition('.')[2]}"
            if await connection.fetchval("SELECT to_regclass($1) IS NULL", name):
                await connection.execute(f"CREATE TABLE {name} AS SELECT 1 AS bystander")
                placed.append(name)
    return placed

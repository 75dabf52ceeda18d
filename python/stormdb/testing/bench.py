"""`Bench`: what the tests of a contract share: the plugin, its data, one plain run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from stormdb.errors import WorkloadError
from stormdb.plugins import Host
from stormdb.plugins.settings import DefaultLimits
from stormdb.run.schema import schema_name
from stormdb.testing.courses import First, Larger, Second, go_first, go_larger, go_second
from stormdb.testing.outcome import NotTriedError
from stormdb.testing.runner import Runner
from stormdb.testing.state import State, state_of
from stormdb.testing.statements import Statement, statements_of, without

if TYPE_CHECKING:
    from stormdb.config import RunConfig
    from stormdb.plugin import PluginMetadata
    from stormdb.plugins import PluginRecord
    from stormdb.testing.declaration import Declaration
    from stormdb.testing.runner import Run
    from stormdb.testing.scratch import ScratchDatabase, ScratchServer

__all__ = ["Bench", "Case", "Measured", "listed"]

_T = TypeVar("_T")
_AT_ONCE = 4
"""Forms that are tried side by side: they wait most of the time, and must not slow each other."""
_INTERVAL_NS = 100_000_000
"""What happens in a run is seen soon after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One form of one workload type.

    Attributes:
        workload: the type.
        executor: what carries it.
    """

    workload: str
    executor: Literal["coroutine", "native"]

    def __str__(self) -> str:
        return f"{self.workload} ({self.executor})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A plain run on data of its own.

    Attributes:
        run: what it gave.
        statements: what the server saw; None if it does not tell.
        before: what was around the schema before it.
        after: what was around the schema after it.
        has_changed: whether the rows in the schema changed.
    """

    run: Run
    statements: list[Statement] | None
    before: State
    after: State
    has_changed: bool

    @property
    def writes(self) -> bool:
        """Whether it was seen to insert or update."""
        return self.has_changed or any(one.is_write for one in self.statements or ())


class Bench:
    """One plugin under test.

    Args:
        record: the plugin.
        server: where databases are made.
        declaration: what its author says.

    Attributes:
        broken: names of the promises that were found broken.
    """

    def __init__(
        self, record: PluginRecord, server: ScratchServer, declaration: Declaration
    ) -> None:
        self.record = record
        self.server = server
        self.declaration = declaration
        self.limits = DefaultLimits()
        self.broken: list[str] = []
        self._kept: dict[str, asyncio.Future[Any]] = {}
        self._databases: list[ScratchDatabase] = []

    @property
    def metadata(self) -> PluginMetadata:
        """Of the plugin; whoever asks has seen that there are some."""
        if self.record.metadata is None:
            raise self.record.problem or WorkloadError("the plugin cannot be loaded")
        return self.record.metadata

    @property
    def schema(self) -> str:
        """The plugin's."""
        return schema_name(self.metadata.name)

    async def close(self) -> None:
        """Drop what was kept for the next test."""
        for database in self._databases:
            await self.server.drop(database)

    async def cases(self) -> list[Case]:
        """Each form of each workload type."""
        return await self._once("cases", self._find_cases)

    async def _find_cases(self) -> list[Case]:
        found: list[Case] = []
        async with await Host.start(self.record, self.limits) as host:
            for workload in self.metadata.workload_types:
                await host.create_workload(workload)
                if host.has_run:
                    found.append(Case(workload=workload, executor="coroutine"))
                if host.describes_transactions:
                    found.append(Case(workload=workload, executor="native"))
        return found

    def config(self, workload: str, database: ScratchDatabase, **keys: Any) -> RunConfig:
        """The configuration of a run."""
        return self.runner(database).config(workload, **keys)

    def runner(self, database: ScratchDatabase) -> Runner:
        """What runs the plugin on a database."""
        declared = self.declaration
        keys = {
            "duration": f"{int(declared.run_s * 1000)}ms",
            "scale": declared.scale,
            "seed": declared.seed,
            **declared.keys,
        }
        return Runner(self.record, database, keys, interval_ns=_INTERVAL_NS)

    async def first(self, workload: str) -> First:
        """Its data, made and verified."""
        return (await self._first(workload))[0]

    async def loaded(self, workload: str) -> ScratchDatabase:
        """A database with the workload's data, to make copies of."""
        return (await self._first(workload))[1]

    async def _first(self, workload: str) -> tuple[First, ScratchDatabase]:
        await self._once("courses", self._go_in_order)
        return await self._keep_first(workload)

    async def _keep_first(self, workload: str) -> tuple[First, ScratchDatabase]:
        return await self._once(f"first {workload}", lambda: self._go_first(workload))

    async def _go_first(self, workload: str) -> tuple[First, ScratchDatabase]:
        database = await self.server.create()
        self._databases.append(database)
        config = self.config(workload, database)
        may_vary = self.declaration.may_vary
        return await go_first(self.record, config, self.server, database, may_vary), database

    async def _go_in_order(self) -> None:
        """One course after the other, and all that ends with a cleanup before the data that stays.

        A role belongs to the whole server: a cleanup takes it away from other databases too.
        """
        for workload in self.metadata.workload_types:
            for course in (self.second, self.larger):
                with suppress(WorkloadError):
                    await course(workload)
        for workload in self.metadata.workload_types:
            with suppress(WorkloadError):
                await self._keep_first(workload)

    async def second(self, workload: str) -> Second:
        """Its data, made with the same seed elsewhere, made again and dropped."""
        return await self._once(f"second {workload}", lambda: self._second(workload))

    async def _second(self, workload: str) -> Second:
        async with self.server.scratch() as database:
            config = self.config(workload, database)
            return await go_second(self.record, config, database, self.declaration.may_vary)

    async def larger(self, workload: str) -> Larger:
        """More data, made and dropped beside what is somebody else's."""
        return await self._once(f"larger {workload}", lambda: self._larger(workload))

    async def _larger(self, workload: str) -> Larger:
        async with self.server.scratch() as database:
            config = self.config(workload, database, scale=self.declaration.larger_scale)
            return await go_larger(self.record, config)

    @asynccontextmanager
    async def copy(self, workload: str) -> AsyncIterator[ScratchDatabase]:
        """A database with the workload's data, for a block."""
        async with self.server.scratch(await self.loaded(workload)) as database:
            yield database

    async def measured(self, case: Case) -> Measured:
        """A plain run; several promises are about it."""
        return await self._once(f"measured {case}", lambda: self._measure(case))

    async def _measure(self, case: Case) -> Measured:
        async with self.copy(case.workload) as database:
            async with database.connected() as connection:
                before = await state_of(connection, self.schema, inside=False)
                rows = await state_of(connection, self.schema, inside=True)
            run = await self.runner(database).run(
                case.workload, setup=False, executor=case.executor
            )
            async with database.connected() as connection:
                after = await state_of(connection, self.schema, inside=False)
                has_changed = rows != await state_of(connection, self.schema, inside=True)
            statements = await statements_of(self.server, database)
        of_verify = (await self.first(case.workload)).statements
        return Measured(
            run=run,
            statements=without(statements, of_verify),
            before=before,
            after=after,
            has_changed=has_changed,
        )

    async def tries(
        self, check: Callable[[Case], Awaitable[str]], *, at_once: int = _AT_ONCE
    ) -> str:
        """Try each form of each workload type; those that cannot be tried are told.

        Args:
            check: tries one.
            at_once: how many side by side.

        Raises:
            NotTriedError: none of them can be.
        """
        turn = asyncio.Semaphore(at_once)
        kept, waived = [], []

        async def one(case: Case) -> str:
            async with turn:
                return await check(case)

        cases = await self.cases()
        trials = [asyncio.ensure_future(one(case)) for case in cases]
        try:
            for case, trial in zip(cases, trials, strict=True):
                try:
                    kept.append(f"{case}: {await trial}")
                except NotTriedError as reason:
                    waived.append(f"{case}: not tried: {reason}")
        finally:
            for trial in trials:
                trial.cancel()
            await asyncio.gather(*trials, return_exceptions=True)
        if not kept:
            raise NotTriedError("; ".join(waived).replace(": not tried", ""))
        return "; ".join(kept + waived)

    async def _once(self, name: str, make: Callable[[], Awaitable[_T]]) -> _T:
        """Make something at the first use; what failed then is not tried again."""
        if name not in self._kept or self._kept[name].cancelled():
            self._kept[name] = asyncio.ensure_future(make())
        # Who waits for it may be cancelled; others wait for it too.
        kept: _T = await asyncio.shield(self._kept[name])
        return kept


def listed(items: list[str]) -> str:
    """The first few, in a line."""
    shown = "; ".join(items[:3])
    return f"{shown}; and {len(items) - 3} more" if len(items) > 3 else shown

"""Loads of plugins that a test writes, on a database of its own."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stormdb._native import Cell, IntervalSnapshot, Phase, Plan, Rate
from stormdb.config import ConnectTarget, PluginLimits, PluginsSettings
from stormdb.executor import CoroutineExecutor, ExecutorEnd, LoadSpec
from stormdb.plugin import Config
from stormdb.plugins import Catalog
from tests.conftest import Database

SECOND_NS = 10**9
MS_NS = 10**6
LEAD_NS = 100 * MS_NS

_PLUGIN = """
import asyncio, os, sys, time
from stormdb.plugin import *

class Work(Workload):
    async def setup(self, ctx, db, cfg): ...

    async def run(self, ctx, db, cfg, metrics):
{run}

class Plugin(WorkloadPlugin):
    def get_metadata(self):
        return PluginMetadata(name="work", version="1.0", workload_types=("work",))

    def create_workload(self, workload_type):
        return Work()

PLUGIN = Plugin()
"""


def constant(rate_per_s: int) -> Rate:
    return Rate.hold(rate_per_s * 10**6)


def steady(seconds: float, rate: Rate | None = None, **options: Any) -> Plan:
    """A plan of one phase."""
    return Plan([Phase("steady", "steady", int(seconds * SECOND_NS), rate)], **options)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a load left."""

    snapshots: Sequence[IntervalSnapshot]
    end: ExecutorEnd
    logs: Sequence[str]
    warnings: Sequence[str]
    total_ns: int

    @property
    def merged(self) -> IntervalSnapshot:
        first, *rest = self.snapshots
        whole = first.copy()
        for snapshot in rest:
            whole.merge(snapshot)
        return whole

    def row(self, name: str = "work", kind: str = "transaction", phase: int | None = None) -> Cell:
        cells = self.merged.row_totals(None if phase is None else [phase])
        return next(cell for cell in cells if (cell.name, cell.kind) == (name, kind))

    def rows(self) -> set[tuple[str, str]]:
        return {(cell.name, cell.kind) for cell in self.merged.row_totals()}

    def per_second(self) -> dict[int, IntervalSnapshot]:
        """Merged over processes, by interval."""
        found: dict[int, IntervalSnapshot] = {}
        for snapshot in self.snapshots:
            index = snapshot.interval_index
            if index in found:
                found[index].merge(snapshot)
            else:
                found[index] = snapshot.copy()
        return found

    def counts(self) -> dict[str, int]:
        """The identity over all phases, checked."""
        phases = self.merged.identity()
        assert all(phase.holds for phase in phases)
        names = ("offered", "committed", "failed", "dropped", "unfinished")
        return {name: sum(getattr(phase, name) for phase in phases) for name in names}


@dataclass
class Events:
    logs: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def log(self, process: int, level: str, logger: str, message: str) -> None:
        self.logs.append(f"{process} {level} {logger}: {message}")

    def warning(self, sentence: str) -> None:
        self.warnings.append(sentence)


class RunningLoad:
    """What a test may do to a load while it runs."""

    def __init__(self, executor: CoroutineExecutor, start_ns: int) -> None:
        self.executor = executor
        self.start_ns = start_ns

    async def until(self, seconds: float) -> None:
        """Wait until so long after the start."""
        await asyncio.sleep(seconds + (self.start_ns - time.monotonic_ns()) / SECOND_NS)

    async def stop(self) -> None:
        await self.executor.stop()


@dataclass(frozen=True, kw_only=True)
class Loads:
    """Runs loads of plugins that a test writes."""

    target: ConnectTarget
    folder: Path

    def spec(self, run: str, plan: Plan, *, workers: int = 4, **options: Any) -> LoadSpec:
        """The load of a plugin whose `run` has this body."""
        body = textwrap.indent(textwrap.dedent(run).strip(), " " * 8)
        file = self.folder / "work.py"
        file.write_text(_PLUGIN.format(run=body))
        settings = PluginsSettings(files=(str(file),), auto_load=False)
        record = next(one for one in Catalog.discover(settings).plugins if one.name == "work")
        config = Config(
            workload="work",
            workers=workers,
            connections=options.pop("connections", workers),
            seed=options.pop("seed", 1),
            duration_ns=plan.duration_ns,
        )
        options = {"target": self.target, "limits": PluginLimits(load_timeout="30s")} | options
        return LoadSpec(plan=plan, config=config, plugin=record, **options)

    def run(
        self,
        run: str,
        plan: Plan,
        *,
        during: Callable[[RunningLoad], Awaitable[None]] | None = None,
        **options: Any,
    ) -> Outcome:
        """Run the load to its end; `during` runs beside it."""
        return asyncio.run(self._run(run, plan, during, options))

    async def _run(
        self,
        run: str,
        plan: Plan,
        during: Callable[[RunningLoad], Awaitable[None]] | None,
        options: dict[str, Any],
    ) -> Outcome:
        events = Events()
        async with CoroutineExecutor(self.spec(run, plan, **options), events) as executor:
            await executor.start()
            start_ns = time.monotonic_ns() + LEAD_NS
            await executor.go(start_ns)
            if during is None:
                end = await executor.finished()
            else:
                end, _ = await asyncio.gather(
                    executor.finished(), during(RunningLoad(executor, start_ns))
                )
            return Outcome(
                snapshots=executor.poll(),
                end=end,
                logs=events.logs,
                warnings=events.warnings,
                total_ns=time.monotonic_ns() - start_ns,
            )


def target_of(database: Database) -> ConnectTarget:
    return ConnectTarget(
        hosts=(database.host,),
        ports=(database.port,),
        user=database.user,
        dbname=database.dbname,
        password=database.password,
    )


@pytest.fixture
def loads(database: Database, tmp_path: Path) -> Loads:
    return Loads(target=target_of(database), folder=tmp_path)

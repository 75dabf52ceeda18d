"""Whole runs of described transactions in this process, with a hand on them while they go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormdb._native import Cell, IntervalSnapshot
from stormdb.analysis import Summary, summarise
from stormdb.config import RunConfig, load
from stormdb.plugins import Catalog
from stormdb.results import RunResult
from stormdb.run import LoadInfo, RunOptions, Session, Silent
from tests.conftest import Database

DESCRIBED = Path(__file__).parent / "plugins" / "described.py"
SECOND_NS = 10**9
MS_NS = 10**6


class Watcher(Silent):
    """Remembers when the load starts, and every warning."""

    def __init__(self) -> None:
        self.started: asyncio.Future[LoadInfo] = asyncio.get_running_loop().create_future()
        self.warnings: list[str] = []

    def load_started(self, load: LoadInfo) -> None:
        self.started.set_result(load)

    def warning(self, sentence: str) -> None:
        self.warnings.append(sentence)

    async def until(self, seconds: float) -> None:
        """Wait until so long after the start of the load."""
        start_ns = (await self.started).start_ns
        await asyncio.sleep(seconds + (start_ns - time.monotonic_ns()) / SECOND_NS)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run left."""

    result: RunResult
    warnings: list[str]

    @property
    def summary(self) -> Summary:
        return summarise(self.result)

    @property
    def whole(self) -> IntervalSnapshot:
        first, *rest = self.result.intervals
        merged = first.copy()
        for snapshot in rest:
            merged.merge(snapshot)
        return merged

    def row(self, name: str, kind: str = "transaction") -> Cell:
        cells = self.whole.row_totals()
        return next(cell for cell in cells if (cell.name, cell.kind) == (name, kind))

    def counts(self) -> dict[str, int]:
        """The identity over all phases, checked."""
        phases = self.whole.identity()
        assert all(phase.holds for phase in phases)
        names = ("offered", "committed", "rolled_back", "failed", "dropped", "unfinished")
        return {name: sum(getattr(phase, name) for phase in phases) for name in names}

    def committed_per_second(self) -> dict[int, int]:
        return {
            snapshot.interval_index: sum(
                cell.committed for cell in snapshot.row_totals() if cell.kind == "transaction"
            )
            for snapshot in self.result.intervals
        }


def config_of(database: Database, workload: str, **keys: Any) -> RunConfig:
    """A configuration for the described plugin; `__` in a name stands for a dot."""
    flags = {
        "plugins.files": [str(DESCRIBED)],
        "database.host": database.host,
        "database.port": str(database.port),
        "database.username": database.user,
        "database.password": database.password,
        "database.dbname": database.dbname,
        **{name.replace("__", "."): value for name, value in keys.items()},
    }
    return load(None, workload=workload, flags=flags, environ={})


def run(
    database: Database,
    workload: str,
    *,
    during: Callable[[Watcher], Awaitable[None]] | None = None,
    **keys: Any,
) -> Ran:
    """Make the data and run the workload to its end; `during` runs beside it."""
    return asyncio.run(_run(config_of(database, workload, **keys), during))


async def _run(config: RunConfig, during: Callable[[Watcher], Awaitable[None]] | None) -> Ran:
    watcher = Watcher()
    catalog = Catalog.discover(config.plugins, where=config.where)
    session = Session(config, catalog, watcher, RunOptions(setup=True))
    if during is None:
        (result,) = await session.run()
    else:
        (result,), _ = await asyncio.gather(session.run(), during(watcher))
    return Ran(result=result, warnings=watcher.warnings)

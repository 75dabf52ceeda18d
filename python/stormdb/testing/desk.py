"""A plugin's process at work on one database: setup, cleanup and verify, as a run does them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from stormdb.plugins import Catalog
from stormdb.run import Silent
from stormdb.run.data import WorkloadData
from stormdb.run.ready import Ready, Workload, check_server, load_workloads, reach_server
from stormdb.run.schema import Marker, PluginSchema
from stormdb.run.stages import Stages

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import RunConfig
    from stormdb.plugin import Finding
    from stormdb.plugins import PluginRecord

__all__ = ["Desk", "open_desk"]


async def _may_drop(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One workload of a plugin, loaded, and a database.

    Attributes:
        workload: its plugin, loaded.
        ready: the server.
        config: of the run that it belongs to.
    """

    workload: Workload
    ready: Ready
    config: RunConfig

    @property
    def connection(self) -> asyncpg.Connection:
        """The controller's own."""
        return self.ready.connection

    @property
    def schema(self) -> str:
        """The plugin's."""
        return self.workload.config.schema

    @property
    def _data(self) -> WorkloadData:
        return WorkloadData(
            schema=PluginSchema(self.connection, self.workload.metadata.name),
            host=self.workload.host,
            target=self.ready.target,
            plugin_target=self.ready.plugin_target,
            config=self.workload.config,
            stages=Stages(Silent()),
            confirm=_may_drop,
        )

    async def make(self) -> None:
        """Make the data, as --setup."""
        metadata = self.workload.metadata
        wanted = Marker(
            plugin=metadata.name,
            plugin_version=metadata.version,
            workload=self.config.workload,
            scale=self.config.scale,
            stormdb=version("stormdb"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        await self._data.make(wanted, rebuild=False)

    async def drop(self) -> None:
        """Drop the data, as `stormdb cleanup`."""
        await self._data.drop()

    async def leave(self) -> None:
        """Give back the locks of this session."""
        await self.connection.execute("SELECT pg_advisory_unlock_all()")

    async def verify(self) -> list[Finding]:
        """Check the workload's invariants."""
        return await self.workload.host.verify(self.ready.plugin_target, self.workload.config)


@asynccontextmanager
async def open_desk(record: PluginRecord, config: RunConfig) -> AsyncIterator[Desk]:
    """Load a plugin and reach the database of a configuration.

    Raises:
        StormdbError: one of them cannot be done.
    """
    stages = Stages(Silent())
    async with AsyncExitStack() as stack:
        catalog = Catalog([record], config.plugins.limits)
        (workload,) = await load_workloads(config, catalog, stages, stack)
        ready = await reach_server(config, [workload], stages, stack)
        await check_server(ready, config, [workload], stages, may_create=True)
        yield Desk(workload=workload, ready=ready, config=config)

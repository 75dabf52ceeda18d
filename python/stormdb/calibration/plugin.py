"""The load of a calibration, in both forms: one statement that returns one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.plugin import Config, Context, Metrics, PluginMetadata, Workload, WorkloadPlugin
from stormdb.workload import Tx, transaction

if TYPE_CHECKING:
    import asyncpg

__all__ = ["PLUGIN", "Select"]

_SQL = "SELECT abalance FROM pgbench_accounts WHERE aid = 1"


class Select(Workload):
    """One look-up per transaction."""

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Canned answers need no data."""

    @transaction()
    def select(self, tx: Tx) -> None:
        """Described."""
        tx.execute(_SQL)

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        """As a coroutine."""
        await db.fetchval(_SQL)


class SelectPlugin(WorkloadPlugin):
    """Offers it."""

    def get_metadata(self) -> PluginMetadata:
        """One workload type."""
        return PluginMetadata(name="calibration", version="1.0.0", workload_types=("select",))

    def create_workload(self, workload_type: str) -> Workload:
        """Its only workload."""
        return Select()


PLUGIN = SelectPlugin()

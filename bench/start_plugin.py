"""The plugin by which `bench/engine.py` learns when the first transaction was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.plugin import Config, Context, PluginMetadata, Workload, WorkloadPlugin
from stormdb.workload import Tx, transaction

if TYPE_CHECKING:
    import asyncpg


class Started(Workload):
    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("CREATE TABLE IF NOT EXISTS started (at timestamptz)")

    @transaction
    def start(self, tx: Tx) -> None:
        tx.execute("INSERT INTO started VALUES (clock_timestamp())")


class StartPlugin(WorkloadPlugin):
    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="bench_start", version="1.0", workload_types=("started",))

    def create_workload(self, workload_type: str) -> Workload:
        return Started()


PLUGIN = StartPlugin()

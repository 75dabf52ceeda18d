# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""The workload plugin my_plugin, in one file.

stormdb run my_plugin --plugin my_plugin.py
"""

from __future__ import annotations

import asyncpg
from pydantic import BaseModel, ConfigDict, Field

from stormdb.plugin import Config, Context, PluginMetadata, Workload, WorkloadPlugin
from stormdb.workload import Tx, transaction, uniform


class MyPluginConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    rows_per_scale: int = Field(default=1000, ge=1, description="rows for each unit of scale")


class MyPlugin(Workload):
    """Updates of single rows."""

    config_model = MyPluginConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS item (id bigint PRIMARY KEY, quantity int NOT NULL)"
            )
            await connection.execute(
                "INSERT INTO item SELECT id, 100 FROM generate_series(1, $1::bigint) id "
                "ON CONFLICT DO NOTHING",
                loaded_rows(cfg),
            )

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS item")

    @transaction
    def update(self, tx: Tx, cfg: Config) -> None:
        item = uniform(1, loaded_rows(cfg))
        tx.execute("UPDATE item SET quantity = quantity + 1 WHERE id = $1", item, rows=1)


def loaded_rows(cfg: Config) -> int:
    """How many rows `setup` loads; their ids are 1 and up."""
    rows_per_scale: int = cfg.workload_config.rows_per_scale
    return cfg.scale * rows_per_scale


class MyPluginPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="my_plugin", version="0.1.0", workload_types=("my_plugin",))

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "my_plugin":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return MyPlugin()


PLUGIN = MyPluginPlugin()

"""The workload: one table, read and updated by scripts of pgbench, executed by native threads."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from stormdb.plugin import Config, Context, Finding, Workload
from stormdb.workload import pgbench_script

from my_plugin.config import MyPluginConfig

SCRIPTS = Path(__file__).parent
TABLE = """
CREATE TABLE IF NOT EXISTS item (
    id bigint PRIMARY KEY,
    quantity int NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""


def variables(cfg: Config) -> dict[str, int]:
    """What the scripts know besides `:scale`, as by `pgbench --define`."""
    return {"rows": loaded_rows(cfg)}


class MyPlugin(Workload):
    """Reads and updates of items, some of them far more often than others."""

    config_model = MyPluginConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLE)
            await connection.execute(
                "INSERT INTO item SELECT id, 100 FROM generate_series(1, $1::bigint) id "
                "ON CONFLICT DO NOTHING",
                loaded_rows(cfg),
            )
            await connection.execute("ANALYZE item")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS item")

    read = pgbench_script(
        SCRIPTS / "read.sql",
        weight=lambda cfg: cfg.workload_config.read_percent,
        define=variables,
    )
    update = pgbench_script(
        SCRIPTS / "update.sql",
        weight=lambda cfg: 100 - cfg.workload_config.read_percent,
        define=variables,
    )

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        found = await db.fetchval("SELECT count(*) FROM item")
        wanted = loaded_rows(cfg)
        return [
            Finding(
                name="every item is there", ok=found == wanted, detail=f"{found} of {wanted} rows"
            )
        ]


def loaded_rows(cfg: Config) -> int:
    """How many rows `setup` loads; their ids are 1 and up."""
    rows_per_scale: int = cfg.workload_config.rows_per_scale
    return cfg.scale * rows_per_scale

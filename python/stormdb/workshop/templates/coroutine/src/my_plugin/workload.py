"""The workload: one table, read and updated, by a coroutine."""

from __future__ import annotations

import asyncpg
from stormdb.plugin import Config, Context, Finding, Metrics, Workload

from my_plugin.config import MyPluginConfig

TABLE = """
CREATE TABLE IF NOT EXISTS item (
    id bigint PRIMARY KEY,
    quantity int NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""


class MyPlugin(Workload):
    """Reads and updates of items, all of them equally often."""

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

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        item = ctx.random.randint(1, loaded_rows(cfg))
        if ctx.random.randrange(100) < cfg.workload_config.read_percent:
            async with metrics.operation("read"):
                quantity = await db.fetchval("SELECT quantity FROM item WHERE id = $1", item)
                if quantity is None:
                    raise LookupError(f"there is no item {item}; hint: run with --rebuild")
        else:
            change = ctx.random.randint(-1, 1)
            async with metrics.operation("update"):
                await db.execute(
                    "UPDATE item SET quantity = quantity + $2, updated_at = now() WHERE id = $1",
                    item,
                    change,
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

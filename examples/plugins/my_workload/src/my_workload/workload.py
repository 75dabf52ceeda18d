"""The workload: one table, read and written."""

from __future__ import annotations

import asyncpg

from my_workload.config import MyWorkloadConfig
from stormdb.plugin import Config, Context, Finding, Metrics, Workload

ROWS_PER_SCALE = 1000
ROWS_PER_COPY = 10_000

TABLE = """
CREATE TABLE IF NOT EXISTS my_test_table (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS my_test_table_created_at ON my_test_table (created_at);
"""


class MyWorkload(Workload):
    """Point reads and single-row inserts."""

    config_model = MyWorkloadConfig

    def __init__(self, mode: str) -> None:
        self.mode = mode

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        ctx.log.info("dropping my_test_table")
        await db.execute("DROP TABLE IF EXISTS my_test_table")

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLE)
            present_rows = await connection.fetchval("SELECT count(*) FROM my_test_table")
            if present_rows:
                ctx.log.info("using the %d rows of my_test_table", present_rows)
                return
            rows = loaded_rows(cfg)
            for first in range(0, rows, ROWS_PER_COPY):
                last = min(first + ROWS_PER_COPY, rows)
                records = [(text(ctx, cfg),) for _ in range(first, last)]
                await connection.copy_records_to_table(
                    "my_test_table", records=records, columns=["data"]
                )
                ctx.progress(last, rows, "rows of my_test_table")
            await connection.execute("ANALYZE my_test_table")

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        match self.mode or cfg.mode or "mixed":
            case "read":
                read_ratio = 1.0
            case "write":
                read_ratio = 0.0
            case "mixed":
                read_ratio = cfg.workload_config.read_ratio
            case other:
                raise ValueError(f"mode {other!r} is not one of read, write, mixed")
        if ctx.random.random() < read_ratio:
            await self._read(ctx, db, cfg, metrics)
        else:
            await self._write(ctx, db, cfg, metrics)

    async def _read(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        row_id = ctx.random.randint(1, loaded_rows(cfg))
        async with metrics.operation("read"):
            row = await db.fetchrow(
                "SELECT id, data, created_at FROM my_test_table WHERE id = $1", row_id
            )
            if row is None:
                raise LookupError(f"my_test_table has no row {row_id}; hint: run with --rebuild")

    async def _write(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        data = text(ctx, cfg)
        async with metrics.operation("write"):
            await db.execute("INSERT INTO my_test_table (data) VALUES ($1)", data)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        wanted = loaded_rows(cfg)
        found = await db.fetchval("SELECT count(*) FROM my_test_table WHERE id <= $1", wanted)
        return [
            Finding(
                name="every loaded row is there",
                ok=found == wanted,
                detail=f"{found} of {wanted} rows",
            )
        ]


def loaded_rows(cfg: Config) -> int:
    """How many rows `setup` loads; their ids are 1 and up."""
    return cfg.scale * ROWS_PER_SCALE


def text(ctx: Context, cfg: Config) -> str:
    """Random text of the length that the configuration asks for."""
    row_bytes: int = cfg.workload_config.row_bytes
    return ctx.random.randbytes(row_bytes // 2 + 1).hex()[:row_bytes]

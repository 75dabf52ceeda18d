"""The plugin of `bench/coroutine.py`: one SELECT by key per call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.plugin import Config, Context, Metrics, PluginMetadata, Workload, WorkloadPlugin

if TYPE_CHECKING:
    import asyncpg

ROWS = 100_000
SQL = "SELECT value FROM item WHERE id = $1"


class SelectFetchrow(Workload):
    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None: ...

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        await db.fetchrow(SQL, ctx.random.randrange(ROWS) + 1)


class SelectAcquire(SelectFetchrow):
    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        async with db.acquire() as connection:
            await connection.fetchrow(SQL, ctx.random.randrange(ROWS) + 1)


class SelectPlugin(WorkloadPlugin):
    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="bench_select",
            version="1.0",
            workload_types=("select_fetchrow", "select_acquire"),
        )

    def create_workload(self, workload_type: str) -> Workload:
        return SelectFetchrow() if workload_type == "select_fetchrow" else SelectAcquire()


PLUGIN = SelectPlugin()

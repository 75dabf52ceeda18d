"""A plugin that keeps every promise; each mutant adds to it what breaks one."""

import random

import asyncpg

from stormdb.plugin import (
    Config,
    Context,
    Finding,
    Metrics,
    PluginMetadata,
    Workload,
    WorkloadPlugin,
)

TABLE = """
CREATE TABLE IF NOT EXISTS account (
    id int PRIMARY KEY, cents bigint NOT NULL, moves int NOT NULL DEFAULT 0
)
"""
READ = "SELECT cents FROM account WHERE id = $1"
MOVE = "UPDATE account SET cents = cents + $2, moves = moves + 1 WHERE id = $1"
SPARED = "UPDATE account SET moves = moves WHERE id = $1"


class Ledger(Workload):
    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLE)
            if await self.has_rows(connection):
                return
            draw = self.dice(ctx).randint
            await connection.copy_records_to_table(
                "account",
                records=[(n, draw(1, 10**9)) for n in range(self.rows(cfg))],
                columns=["id", "cents"],
            )

    def rows(self, cfg: Config) -> int:
        return 100 * cfg.scale

    def dice(self, ctx: Context) -> random.Random:
        return ctx.random

    async def has_rows(self, connection: asyncpg.Connection) -> bool:
        return await connection.fetchval("SELECT EXISTS (SELECT FROM account)")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS account")

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        number = ctx.random.randrange(self.rows(cfg))
        await db.fetchrow(READ, number)
        await db.execute(MOVE, number, ctx.random.randint(-9, 9))

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        count = await db.fetchval("SELECT count(*) FROM account")
        return [Finding(name="number of accounts", ok=count == self.rows(cfg), detail=str(count))]


class LedgerPlugin(WorkloadPlugin):
    workload: type[Workload] = Ledger

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="ledger", version="1.0", workload_types=("ledger",))

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "ledger":
            raise ValueError(f"there is no {workload_type}")
        return self.workload()


PLUGIN = LedgerPlugin()

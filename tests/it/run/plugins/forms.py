"""One workload in both forms: what the described one does, `run` does with Python's means."""

from __future__ import annotations

import asyncpg

from stormdb.plugin import Config, Context, Metrics, PluginMetadata, Workload, WorkloadPlugin
from stormdb.workload import Tx, transaction, uniform

ACCOUNTS = 8
TABLES = """
CREATE TABLE IF NOT EXISTS account (id int PRIMARY KEY, cents bigint NOT NULL);
CREATE TABLE IF NOT EXISTS entry (kind text, account int, cents bigint);
INSERT INTO account SELECT id, 0 FROM generate_series(1, 8) AS id ON CONFLICT DO NOTHING;
"""
PAY = "UPDATE account SET cents = cents + $2::int8 WHERE id = $1::int4"
NOTE = "INSERT INTO entry VALUES ($1, $2::int4, $3::int8)"


class Forms(Workload):
    """Three of four transactions pay in; a tenth of these is thought better of."""

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute(TABLES)

    @transaction(weight=3)
    def pay(self, tx: Tx) -> None:
        account = tx.let("account", uniform(1, ACCOUNTS))
        cents = tx.let("cents", uniform(1, 100))
        with tx.block():
            tx.execute(PAY, account, cents, rows=1)
            tx.execute(NOTE, "pay", account, cents)
            with tx.when(cents > 90):
                tx.abort()

    @transaction(weight=1)
    def look(self, tx: Tx) -> None:
        account = tx.let("account", uniform(1, ACCOUNTS))
        tx.execute(NOTE, "look", account, 0)

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        if ctx.random.random() < 0.75:
            async with metrics.operation("pay"):
                await self._pay(ctx, db)
        else:
            async with metrics.operation("look"):
                await db.execute(NOTE, "look", ctx.random.randint(1, ACCOUNTS), 0)

    async def _pay(self, ctx: Context, db: asyncpg.Pool) -> None:
        account, cents = ctx.random.randint(1, ACCOUNTS), ctx.random.randint(1, 100)
        async with db.acquire() as connection:
            block = connection.transaction()
            await block.start()
            await connection.execute(PAY, account, cents)
            await connection.execute(NOTE, "pay", account, cents)
            await (block.rollback() if cents > 90 else block.commit())


class FormsPlugin(WorkloadPlugin):
    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="forms", version="1.0.0", workload_types=("forms",))

    def create_workload(self, workload_type: str) -> Workload:
        return Forms()


PLUGIN = FormsPlugin()

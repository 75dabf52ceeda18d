"""A workload that tries, wherever it gets a connection, what is not its business."""

from __future__ import annotations

from typing import Any

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
from stormdb.workload import Tx, transaction

ATTEMPTS = {
    "read": "SELECT cents FROM public.payroll",
    "write": "UPDATE public.payroll SET cents = 0",
    "table": "CREATE TABLE public.mine ()",
    "schema": "CREATE SCHEMA mine",
    "mark": "COMMENT ON SCHEMA stormdb_intruder IS 'mine'",
    "role": "RESET ROLE; CREATE ROLE intruders_own",
    "file": "SELECT pg_read_file('PG_VERSION')",
}


async def attempt_all(db: Any, stage: str) -> list[str]:
    ends = []
    for name, sql in ATTEMPTS.items():
        try:
            await db.execute(sql)
            end = "done"
        except asyncpg.PostgresError as error:
            end = error.sqlstate or ""
        ends.append(end)
        await db.execute("INSERT INTO attempt VALUES ($1, current_user, $2, $3)", stage, name, end)
    return ends


class Intruder(Workload):
    """Does its attempts in each stage."""

    async def setup(self, ctx: Context, db: Any, cfg: Config) -> None:
        await db.execute(
            "CREATE TABLE IF NOT EXISTS attempt (stage text, role text, name text, sqlstate text)"
        )
        await attempt_all(db, "setup")

    async def run(self, ctx: Context, db: Any, cfg: Config, metrics: Metrics) -> None:
        await attempt_all(db, "run")

    @transaction()
    def described(self, tx: Tx) -> None:
        tx.execute("INSERT INTO attempt VALUES ('native', current_user, 'none', '')")

    async def verify(self, ctx: Context, db: Any, cfg: Config) -> list[Finding]:
        ends = await attempt_all(db, "verify")
        return [Finding(name="refused", ok="done" not in ends, detail=" ".join(ends))]

    async def cleanup(self, ctx: Context, db: Any, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS attempt")


class IntruderPlugin(WorkloadPlugin):
    """Its only type."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="intruder", version="1.0.0", workload_types=["intrude"])

    def create_workload(self, workload_type: str) -> Workload:
        return Intruder()


PLUGIN = IntruderPlugin()

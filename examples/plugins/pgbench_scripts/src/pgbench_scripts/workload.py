"""The workload: what pgbench does by default, as three scripts on tables of the plugin's own."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from pgbench_scripts.config import ScriptsConfig
from stormdb.plugin import Config, Context, Finding, Workload
from stormdb.workload import pgbench_script

SCRIPTS = Path(__file__).parent
TELLERS_PER_BRANCH = 10

TABLES = """
CREATE TABLE IF NOT EXISTS branches (bid int PRIMARY KEY, bbalance bigint NOT NULL);
CREATE TABLE IF NOT EXISTS tellers (
    tid int PRIMARY KEY, bid int NOT NULL REFERENCES branches, tbalance bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS accounts (
    aid int PRIMARY KEY, bid int NOT NULL REFERENCES branches, abalance bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS history (
    tid int NOT NULL, bid int NOT NULL, aid int NOT NULL, delta int NOT NULL,
    mtime timestamptz NOT NULL DEFAULT now()
)
"""
SUMS = """
SELECT (SELECT sum(abalance) FROM accounts), (SELECT sum(tbalance) FROM tellers),
       (SELECT sum(bbalance) FROM branches), (SELECT coalesce(sum(delta), 0) FROM history)
"""


def variables(cfg: Config) -> dict[str, int]:
    """What the scripts know besides `:scale`, as by `pgbench --define`."""
    return {"accounts": cfg.workload_config.accounts, "tellers": TELLERS_PER_BRANCH}


class Scripts(Workload):
    """TPC-B as pgbench has it, a read of one account, and a payment that may be refused."""

    config_model = ScriptsConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLES)
            if await connection.fetchval("SELECT EXISTS (SELECT FROM branches)"):
                return
            await connection.execute(
                "INSERT INTO branches SELECT bid, 0 FROM generate_series(1, $1::int) AS bid",
                cfg.scale,
            )
            for table, per_branch in (
                ("tellers", TELLERS_PER_BRANCH),
                ("accounts", cfg.workload_config.accounts),
            ):
                await connection.copy_records_to_table(
                    table,
                    records=(
                        (number, (number - 1) // per_branch + 1, 0)
                        for number in range(1, per_branch * cfg.scale + 1)
                    ),
                )
            await connection.execute("ANALYZE branches, tellers, accounts")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS history, accounts, tellers, branches")

    tpcb = pgbench_script(SCRIPTS / "tpcb.sql", weight=5, define=variables)
    look = pgbench_script(SCRIPTS / "look.sql", weight=4, define=variables)
    pay = pgbench_script(SCRIPTS / "pay.sql", weight=1, define=variables)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        sums = [int(total) for total in await db.fetchrow(SUMS) or ()]
        return [
            Finding(
                name="accounts, tellers, branches and history have one sum",
                ok=len(set(sums)) == 1,
                detail=", ".join(map(str, sums)),
            )
        ]

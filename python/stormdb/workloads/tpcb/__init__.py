"""The TPC-B-like transaction that pgbench made the usual one: a transfer at a bank's counter.

README.md beside this file says where it comes from and where it differs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from stormdb.plugin import Config, Context, Finding, PluginMetadata, Workload, WorkloadPlugin
from stormdb.workload import Tx, transaction, uniform

__all__ = ["PLUGIN", "SelectOnly", "Tpcb", "TpcbPlugin"]

TELLERS_PER_BRANCH = 10
ACCOUNTS_PER_BRANCH = 100_000
LARGEST_DELTA = 5_000
ACCOUNTS_PER_BATCH = 20_000

TABLES = """
CREATE TABLE IF NOT EXISTS branches (
    bid int NOT NULL, bbalance int NOT NULL, filler char(88)
);
CREATE TABLE IF NOT EXISTS tellers (
    tid int NOT NULL, bid int NOT NULL, tbalance int NOT NULL, filler char(84)
);
CREATE TABLE IF NOT EXISTS accounts (
    aid bigint NOT NULL, bid int NOT NULL, abalance int NOT NULL, filler char(84)
);
CREATE TABLE IF NOT EXISTS history (
    tid int NOT NULL, bid int NOT NULL, aid bigint NOT NULL, delta int NOT NULL,
    mtime timestamp NOT NULL, filler char(22)
);
"""
# Made after the load, which is faster.
KEYS = """
ALTER TABLE branches ADD PRIMARY KEY (bid);
ALTER TABLE tellers ADD PRIMARY KEY (tid);
ALTER TABLE accounts ADD PRIMARY KEY (aid);
"""

UPDATE_ACCOUNT = "UPDATE accounts SET abalance = abalance + $1 WHERE aid = $2"
SELECT_ACCOUNT = "SELECT abalance FROM accounts WHERE aid = $1"
UPDATE_TELLER = "UPDATE tellers SET tbalance = tbalance + $1 WHERE tid = $2"
UPDATE_BRANCH = "UPDATE branches SET bbalance = bbalance + $1 WHERE bid = $2"
INSERT_HISTORY = """
INSERT INTO history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)
"""

SUMS = """
SELECT (SELECT coalesce(sum(delta), 0) FROM history) AS history,
       (SELECT sum(bbalance) FROM branches) AS branches,
       (SELECT sum(tbalance) FROM tellers) AS tellers,
       (SELECT sum(abalance) FROM accounts) AS accounts
"""


class _Bank(Workload):
    """The tables, and what must hold for them."""

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Make and fill the tables, unless they are there."""
        async with db.acquire() as connection:
            async with connection.transaction():
                await connection.execute(TABLES)
                if not await connection.fetchval("SELECT EXISTS (SELECT FROM branches)"):
                    await _load(ctx, connection, cfg.scale)
                    await connection.execute(KEYS)
            await connection.execute("VACUUM (ANALYZE) branches, tellers, accounts, history")

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        """Every balance is the sum of what history says."""
        sums = await db.fetchrow(SUMS)
        assert sums is not None
        return [
            Finding(
                name=f"balance of {name}",
                ok=sums[name] == sums["history"],
                detail=f"{sums[name]}, history sums up to {sums['history']}",
            )
            for name in ("branches", "tellers", "accounts")
        ]


async def _load(ctx: Context, connection: PoolConnectionProxy, scale: int) -> None:
    """Fill the tables by COPY."""
    tellers, total = scale * TELLERS_PER_BRANCH, scale * ACCOUNTS_PER_BRANCH
    await connection.copy_records_to_table(
        "branches",
        records=((bid, 0) for bid in range(1, scale + 1)),
        columns=["bid", "bbalance"],
    )
    await connection.copy_records_to_table(
        "tellers",
        records=((tid, (tid - 1) // TELLERS_PER_BRANCH + 1, 0) for tid in range(1, tellers + 1)),
        columns=["tid", "bid", "tbalance"],
    )

    async def accounts() -> AsyncIterator[bytes]:
        for first in range(1, total + 1, ACCOUNTS_PER_BATCH):
            bid = (first - 1) // ACCOUNTS_PER_BRANCH + 1
            numbers = range(first, first + ACCOUNTS_PER_BATCH)
            # An empty filler, which takes its 84 characters; NULL would take none.
            yield b"".join(b"%d\t%d\t0\t\n" % (aid, bid) for aid in numbers)
            ctx.progress(numbers.stop - 1, total, "accounts")

    await connection.copy_to_table("accounts", source=accounts())


class Tpcb(_Bank):
    """A customer pays in or draws out: account, teller, branch and history agree."""

    @transaction
    def tpcb(self, tx: Tx, cfg: Config) -> None:
        """The whole transaction, its statements in pgbench's order."""
        aid = tx.let("aid", uniform(1, cfg.scale * ACCOUNTS_PER_BRANCH))
        bid = tx.let("bid", uniform(1, cfg.scale))
        tid = tx.let("tid", uniform(1, cfg.scale * TELLERS_PER_BRANCH))
        delta = tx.let("delta", uniform(-LARGEST_DELTA, LARGEST_DELTA))
        with tx.block():
            tx.execute(UPDATE_ACCOUNT, delta, aid, rows=1, label="UPDATE accounts")
            tx.execute(SELECT_ACCOUNT, aid, rows=1, label="SELECT accounts")
            tx.execute(UPDATE_TELLER, delta, tid, rows=1, label="UPDATE tellers")
            tx.execute(UPDATE_BRANCH, delta, bid, rows=1, label="UPDATE branches")
            tx.execute(INSERT_HISTORY, tid, bid, aid, delta, rows=1, label="INSERT history")


class SelectOnly(_Bank):
    """A customer looks at an account."""

    @transaction
    def tpcb_select(self, tx: Tx, cfg: Config) -> None:
        """One statement, without a block."""
        aid = uniform(1, cfg.scale * ACCOUNTS_PER_BRANCH)
        tx.execute(SELECT_ACCOUNT, aid, rows=1, label="SELECT accounts")


class TpcbPlugin(WorkloadPlugin):
    """Offers the transaction, and its only read alone."""

    def get_metadata(self) -> PluginMetadata:
        """Who the plugin is and what it needs."""
        return PluginMetadata(
            name="tpcb",
            version="1.0.0",
            description="the TPC-B-like transaction of pgbench",
            author="the stormdb authors",
            workload_types=("tpcb", "tpcb_select"),
            min_postgresql_version="12",
        )

    def create_workload(self, workload_type: str) -> Workload:
        """The workload of that type."""
        match workload_type:
            case "tpcb":
                return Tpcb()
            case "tpcb_select":
                return SelectOnly()
        raise ValueError(f"unknown workload type {workload_type!r}")


PLUGIN = TpcbPlugin()

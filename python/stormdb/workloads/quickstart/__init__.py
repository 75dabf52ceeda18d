"""A small bank: look at balances, read account histories, transfer money.

The first plugin to read. Everything that a workload can do is here once: data loaded with
progress, named transactions, custom metrics, typed options, and invariants that are checked after
the run. README.md beside this file leads through it.
"""

from __future__ import annotations

from typing import Annotated

import asyncpg
from pydantic import BaseModel, Field

from stormdb.plugin import (
    Config,
    Context,
    Finding,
    Metrics,
    PluginMetadata,
    Workload,
    WorkloadPlugin,
)

__all__ = ["PLUGIN", "QuickStart", "QuickStartOptions", "QuickStartPlugin"]

ACCOUNTS_PER_SCALE = 10_000
OPENING_BALANCE = 100_000  # cents, as every amount
LARGEST_TRANSFER = 50_000
ROWS_PER_BATCH = 10_000

TABLES = """
CREATE TABLE IF NOT EXISTS account (
    id    integer PRIMARY KEY,
    cents bigint NOT NULL CHECK (cents >= 0)
);
CREATE TABLE IF NOT EXISTS transfer (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payer integer NOT NULL,
    payee integer NOT NULL,
    cents integer NOT NULL,
    at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS transfer_of_payer ON transfer (payer, id);
"""

HISTORY = "SELECT at, payee, cents FROM transfer WHERE payer = $1 ORDER BY id DESC LIMIT $2"

# Both rows are locked in the order of their numbers, so two transfers never wait for each other.
LOCK_BOTH = "SELECT id, cents FROM account WHERE id IN ($1, $2) ORDER BY id FOR UPDATE"
MOVE = """
UPDATE account SET cents = cents + CASE id WHEN $1 THEN -$3::integer ELSE $3 END
WHERE id IN ($1, $2)
"""
BOOK = "INSERT INTO transfer (payer, payee, cents) VALUES ($1, $2, $3)"

WRONG_BALANCES = """
WITH booked AS (
    SELECT id, sum(cents) AS cents
    FROM (SELECT payee AS id, cents FROM transfer
          UNION ALL SELECT payer, -cents FROM transfer) AS entry
    GROUP BY id
)
SELECT count(*) FROM account LEFT JOIN booked USING (id)
WHERE account.cents <> $1 + coalesce(booked.cents, 0)
"""


class QuickStartOptions(BaseModel, extra="forbid"):
    """The keys below `workload_config`; stormdb checks them before anything starts."""

    write_ratio: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of transfers among the transactions of `quickstart`."""
    history_ratio: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Share of account histories among the reads; the others look at one balance."""
    history_rows: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many transfers an account history shows."""


class QuickStart(Workload):
    """The bank.

    Args:
        write_ratio: share of transfers; None takes the one in the configuration.
    """

    config_model = QuickStartOptions

    def __init__(self, write_ratio: float | None = None) -> None:
        self.write_ratio = write_ratio

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Make the tables and open the accounts, unless they are there."""
        total = accounts(cfg)
        async with db.acquire() as connection:
            async with connection.transaction():
                await connection.execute(TABLES)
                if not await connection.fetchval("SELECT EXISTS (SELECT FROM account)"):
                    for first in range(0, total, ROWS_PER_BATCH):
                        ids = range(first, min(first + ROWS_PER_BATCH, total))
                        await connection.copy_records_to_table(
                            "account", records=((number, OPENING_BALANCE) for number in ids)
                        )
                        ctx.progress(ids.stop, total, "accounts")
            await connection.execute("VACUUM (ANALYZE) account, transfer")

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        """One transaction of the mix, chosen by chance."""
        options: QuickStartOptions = cfg.workload_config
        write_ratio = options.write_ratio if self.write_ratio is None else self.write_ratio
        if ctx.random.random() < write_ratio:
            await self._transfer(ctx, db, cfg, metrics)
        elif ctx.random.random() < options.history_ratio:
            await self._history(ctx, db, cfg, metrics)
        else:
            await self._balance(ctx, db, cfg, metrics)

    # Waiting for a connection is no work of the server: each transaction acquires one first and
    # starts its `operation`, which takes the time, inside.

    async def _balance(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        account = ctx.random.randrange(accounts(cfg))
        async with db.acquire() as connection, metrics.operation("balance"):
            await connection.fetchval("SELECT cents FROM account WHERE id = $1", account)

    async def _history(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        account = ctx.random.randrange(accounts(cfg))
        limit = cfg.workload_config.history_rows
        async with db.acquire() as connection, metrics.operation("history"):
            rows = await connection.fetch(HISTORY, account, limit)
        metrics.record("rows_per_history", len(rows))

    async def _transfer(
        self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics
    ) -> None:
        payer, payee = ctx.random.sample(range(accounts(cfg)), 2)
        cents = ctx.random.randint(1, LARGEST_TRANSFER)
        async with (
            db.acquire() as connection,
            metrics.operation("transfer"),
            connection.transaction(),
        ):
            locked = await connection.fetch(LOCK_BOTH, payer, payee)
            if cents > next(row["cents"] for row in locked if row["id"] == payer):
                metrics.count("not_enough_money")
                return
            await connection.execute(MOVE, payer, payee, cents)
            await connection.execute(BOOK, payer, payee, cents)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        """Money is neither made nor lost, and every balance follows from the transfers."""
        expected = accounts(cfg) * OPENING_BALANCE
        total = int(await db.fetchval("SELECT coalesce(sum(cents), 0) FROM account"))
        wrong = await db.fetchval(WRONG_BALANCES, OPENING_BALANCE)
        return [
            Finding(
                name="sum of balances",
                ok=total == expected,
                detail=f"{total} cents, {expected} expected",
            ),
            Finding(
                name="balances follow from transfers",
                ok=wrong == 0,
                detail=f"{wrong} of {accounts(cfg)} accounts differ",
            ),
        ]


class QuickStartPlugin(WorkloadPlugin):
    """Offers the bank as a mix, as reads only and as transfers only."""

    def get_metadata(self) -> PluginMetadata:
        """Who the plugin is and what it needs."""
        return PluginMetadata(
            name="quickstart",
            version="1.0.0",
            description="a small bank: balances, account histories, transfers",
            author="the stormdb authors",
            workload_types=("quickstart", "quickstart_read", "quickstart_write"),
            min_postgresql_version="12",
        )

    def create_workload(self, workload_type: str) -> Workload:
        """The workload of that type."""
        match workload_type:
            case "quickstart":
                return QuickStart()
            case "quickstart_read":
                return QuickStart(write_ratio=0.0)
            case "quickstart_write":
                return QuickStart(write_ratio=1.0)
        raise ValueError(f"unknown workload type {workload_type!r}")


def accounts(cfg: Config) -> int:
    """How many accounts the bank has; they are numbered from 0."""
    return cfg.scale * ACCOUNTS_PER_SCALE


PLUGIN = QuickStartPlugin()

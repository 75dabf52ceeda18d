"""Transfers between accounts: what each isolation level asks of the one who writes them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import asyncpg

from bank_transfers.config import TransfersConfig
from stormdb.plugin import Config, Context, Finding, Workload
from stormdb.workload import Tx, Value, case, greatest, least, transaction, uniform, zipf

Isolation = Literal["read committed", "repeatable read", "serializable"]

ACCOUNTS_PER_SCALE = 100
OPENING_CENTS = 100_000
LARGEST_CENTS = 10_000

TABLES = """
CREATE TABLE IF NOT EXISTS account (
    id    int PRIMARY KEY,
    cents bigint NOT NULL CHECK (cents >= 0)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS transfer (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payer int NOT NULL REFERENCES account,
    payee int NOT NULL REFERENCES account,
    cents bigint NOT NULL CHECK (cents > 0),
    CHECK (payer <> payee)
);
"""

READ = "SELECT cents FROM account WHERE id = $1"
# Not FOR UPDATE: the foreign keys of `transfer` may go on looking at the account meanwhile.
LOCK = READ + " FOR NO KEY UPDATE"
ADD = "UPDATE account SET cents = cents + $2 WHERE id = $1"
SET = "UPDATE account SET cents = $2 WHERE id = $1"
BOOK = "INSERT INTO transfer (payer, payee, cents) VALUES ($1, $2, $3)"
AUDIT = "SELECT sum(cents)::bigint AS cents FROM account"

WRONG_BALANCES = """
WITH moved AS (
    SELECT id, sum(cents) AS cents
    FROM (SELECT payee AS id, cents FROM transfer
          UNION ALL SELECT payer, -cents FROM transfer) AS entry
    GROUP BY id
)
SELECT count(*) FROM account LEFT JOIN moved USING (id)
WHERE account.cents <> $1 + coalesce(moved.cents, 0)
"""


class Transfers(Workload):
    """What the levels have in common: accounts, the order of a transfer, the invariants."""

    config_model = TransfersConfig
    isolation: ClassVar[Isolation]

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLES)
            await connection.execute(
                "INSERT INTO account SELECT id, $2 FROM generate_series(0, $1 - 1) AS id "
                "ON CONFLICT DO NOTHING",
                accounts(cfg),
                OPENING_CENTS,
            )
            await connection.execute("ANALYZE account")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS transfer, account")

    @transaction(weight=lambda cfg: 100 - cfg.workload_config.audit_percent)
    def transfer(self, tx: Tx, cfg: Config) -> None:
        count, skew = accounts(cfg), cfg.workload_config.skew
        payer = tx.let("payer", zipf(count, skew=skew))
        drawn = tx.let("drawn", zipf(count, skew=skew))
        payee = tx.let("payee", case((drawn == payer, (payer + 1) % count), otherwise=drawn))
        cents = tx.let("cents", uniform(1, LARGEST_CENTS))
        first, second = payer, payee
        if cfg.workload_config.in_order:  # two transfers never wait for each other in a circle
            first, second = least(payer, payee), greatest(payer, payee)
        with tx.block(isolation=self.isolation):
            first_cents, second_cents = self.balances(tx, first, second)
            balance = case((first == payer, first_cents), otherwise=second_cents)
            with tx.when(balance < cents):
                tx.abort()
            change = case((first == payer, -cents), otherwise=cents)
            self.move(tx, first, first_cents, change)
            self.move(tx, second, second_cents, -change)
            tx.execute(BOOK, payer, payee, cents, rows=1, label="book")

    @transaction(weight=lambda cfg: cfg.workload_config.audit_percent)
    def audit(self, tx: Tx, cfg: Config) -> None:
        with tx.block(isolation=self.isolation, read_only=True):
            total = tx.fetch_value(AUDIT)
        tx.check(total == accounts(cfg) * OPENING_CENTS, "the sum of the accounts has changed")

    @abstractmethod
    def balances(self, tx: Tx, first: Value, second: Value) -> tuple[Value, Value]:
        """Read both accounts."""

    @abstractmethod
    def move(self, tx: Tx, account: Value, balance: Value, change: Value) -> None:
        """Change the balance of an account that `balances` has read."""

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        total, wanted = await db.fetchval(AUDIT), accounts(cfg) * OPENING_CENTS
        wrong = await db.fetchval(WRONG_BALANCES, OPENING_CENTS)
        return [
            Finding(
                name="sum of the accounts", ok=total == wanted, detail=f"{total} of {wanted} cents"
            ),
            Finding(
                name="balances follow from the transfers",
                ok=wrong == 0,
                detail=f"{wrong} accounts differ",
            ),
        ]


class ReadCommitted(Transfers):
    """Each statement sees what is committed then: what was read is locked, or out of date."""

    isolation = "read committed"

    def balances(self, tx: Tx, first: Value, second: Value) -> tuple[Value, Value]:
        return (
            tx.fetch_value(LOCK, first, label="lock"),
            tx.fetch_value(LOCK, second, label="lock"),
        )

    def move(self, tx: Tx, account: Value, balance: Value, change: Value) -> None:
        tx.execute(ADD, account, change, rows=1, label="move")


class RepeatableRead(Transfers):
    """One snapshot: whoever is not the first to change an account gets 40001, and begins anew."""

    isolation: ClassVar[Isolation] = "repeatable read"

    def balances(self, tx: Tx, first: Value, second: Value) -> tuple[Value, Value]:
        return (
            tx.fetch_value(READ, first, label="read"),
            tx.fetch_value(READ, second, label="read"),
        )

    def move(self, tx: Tx, account: Value, balance: Value, change: Value) -> None:
        # The balance was computed outside of the server. No update is lost by that: it is still
        # the one that was read, or this statement fails.
        tx.execute(SET, account, balance + change, rows=1, label="move")


class Serializable(RepeatableRead):
    """The same statements as if one transaction came after the other, audits included."""

    isolation = "serializable"


def accounts(cfg: Config) -> int:
    """How many accounts there are; they are numbered from 0."""
    return ACCOUNTS_PER_SCALE * cfg.scale

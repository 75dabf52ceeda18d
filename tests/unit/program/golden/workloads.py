"""Workloads whose programs are kept as files: one as in a manual, one with every node there is.

A change of this file changes the places in them: `python -m tests.unit.program.golden` writes them
anew.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from math import ceil, floor
from typing import TYPE_CHECKING

from stormdb.plugin import Config, Context, Workload
from stormdb.workload import (
    Tx,
    case,
    cast,
    choice,
    exp,
    exponential,
    gaussian,
    greatest,
    hash_of,
    least,
    length,
    ln,
    nurand,
    pad,
    pattern,
    permute,
    random_bytes,
    random_date,
    random_text,
    random_timestamp,
    sequence,
    sqrt,
    table,
    text,
    transaction,
    uniform,
    uniform_float,
    uuid,
    vector,
    zipf,
)

if TYPE_CHECKING:
    import asyncpg

SYLLABLES = table(["BAR", "OUGHT", "ABLE", "PRI", "PRES"])
PRIMES = table([2, 3, 5, 7, None])


class Transfers(Workload):
    """Transfers between accounts."""

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Nothing: these are never run."""

    @transaction(weight=9)
    def transfer(self, tx: Tx) -> None:
        """Move money unless there is too little."""
        payer = tx.let("payer", zipf(100_000, skew=1.1))
        payee = (payer + tx.let("step", uniform(1, 99_999))) % 100_000
        cents = tx.let("cents", uniform(1, 500))
        with tx.block(isolation="repeatable read"):
            balance = tx.fetch_value("SELECT cents FROM account WHERE id = $1 FOR UPDATE", payer)
            with tx.when(balance >= cents):
                less = "UPDATE account SET cents = cents - $2 WHERE id = $1"
                tx.execute(less, payer, cents, rows=1, label="take")
                more = "UPDATE account SET cents = cents + $2 WHERE id = $1"
                tx.execute(more, payee, cents, rows=1, label="give")
            with tx.otherwise():
                tx.emit("short_of_cents", cents - balance)
                tx.abort()

    @transaction(weight=lambda cfg: cfg.scale)
    def history(self, tx: Tx) -> None:
        """Look at what became of an account."""
        sql = "SELECT at, cents FROM transfer WHERE payer = $1 ORDER BY id DESC LIMIT 10"
        tx.execute(sql, uniform(0, 99_999), rows=(0, 10))


class Everything(Workload):
    """Every step, every operation and every distribution."""

    mix = "deck"

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Nothing: these are never run."""

    @transaction(weight=2)
    def distributions(self, tx: Tx, cfg: Config) -> None:
        """Draw of each kind."""
        low = tx.let("low", uniform(1, cfg.scale))
        tx.let("uniform_float", uniform_float(0, 1.5))
        tx.let("gaussian", gaussian(low, low + 100, sigmas=2.5))
        tx.let("exponential", exponential(1, 100, decay=5))
        tx.let("nurand", nurand(255, 0, 999, c=123))
        tx.let("choice", choice(["GC", "BC", None], [9, 1, 0.5]))
        tx.let("pattern", pattern("+49 ### ?*"))
        tx.let("text", random_text(10, 20))
        tx.let("few", random_text(low, alphabet="ab"))
        tx.let("bytes", random_bytes(16))
        tx.let("uuid", uuid())
        tx.let("vector", vector(3))
        tx.let("raw_vector", vector(2, normalised=False))
        tx.let("spread", permute(zipf(1000, skew=0), 1000, seed=7))
        tx.let("hash", hash_of(sequence(), seed=-1))
        tx.let("word", SYLLABLES[uniform(0, len(SYLLABLES) - 1)])
        tx.let("prime", PRIMES[low % 5])
        tx.let("padded", pad(uniform(0, 999), 3))
        tx.let("day", random_date(date(1992, 1, 1), date(1998, 12, 31)))
        first, last = datetime(2024, 1, 1, 12, tzinfo=UTC), datetime(2024, 12, 31, tzinfo=UTC)
        moment = tx.let("moment", random_timestamp(first, last))
        tx.execute("SELECT $1::timestamptz", moment)

    @transaction(weight=1)
    def operations(self, tx: Tx) -> None:
        """Each operation once."""
        n, x = tx.let("n", uniform(-9, 9)), tx.let("x", uniform_float(0, 1))
        numbers = [n + 1, 1 - n, n * 2, n / 2, n // 2, n % 3, 2**n, n & 6, n | 1, n ^ 3, ~n]
        numbers += [n << 2, n >> 1, -n, abs(n), round(x), round(x, 2), floor(x), ceil(x)]
        numbers += [sqrt(x), ln(x + 1), exp(x), least(n, 3), greatest(n, x, 0), +n]
        for number, value in enumerate(numbers):
            tx.let(f"number_{number}", value)
        truths = [n == 1, n != 1, n < 1, n <= 1, n > 1, n >= 1, (n > 1) & (x < 1), n.is_null()]
        truths += [(n > 1) | (x < 1), ~(n > 1), (n > 1) ^ (x < 1)]
        for number, value in enumerate(truths):
            tx.let(f"truth_{number}", value)
        tx.let("case", case((n < 0, "below"), (n > 0, "above")))
        tx.let("texts", text("n=", n, ", ", x) + "!")
        tx.let("length", length(text(n)))
        tx.let("casts", [cast("7", int), cast(n > 0, int)])
        tx.let("entry", tx.let("array", [n, 1, None])[1])
        constants = (None, True, -(2**63), 1.5, "it's", b"\x00\xff", [1, 2], ["a", None], [])
        tx.execute("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9", *constants)

    @transaction(weight=1, name="every step")
    def steps(self, tx: Tx) -> None:
        """Each step once."""
        total = tx.let("total", 0)
        with tx.block(isolation="serializable", read_only=True, deferrable=True, retry=False):
            with tx.pipeline():
                one, two = tx.fetch_row("SELECT a, b AS c FROM t", types=(int, str), rows=(1, None))
                raw = tx.fetch_value("SELECT r FROM t", type=bytes, rows=None)
            tx.check(~one.is_null(), "there is a row")
            with tx.repeat(uniform(1, 3)) as turn:
                tx.execute("SELECT $1, $2, $3", turn, two, raw)
                total = tx.let("total", total + one)
            with tx.savepoint(on_error="fail"):
                tx.execute("SELECT 1 / $1", total)
            with tx.savepoint():
                tx.execute("SELECT 1 / $1", total, label="again")
        with tx.block():
            with tx.when(total > 0):
                size = tx.let("size", 1)
            with tx.otherwise():
                size = tx.let("size", 2)
            types = {"id": "int8", "note": "text", "raw": "bytea"}
            columns = {"id": size, "note": random_text(5), "raw": random_bytes(4)}
            tx.copy_in("event", columns, rows=uniform(1, 10), types=types)
            tx.emit("total", total)
            tx.abort()
        tx.think(uniform_float(0, 0.01))

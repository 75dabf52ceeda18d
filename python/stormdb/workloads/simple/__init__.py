"""Reads and writes of single rows by key, in both forms: described, and as a coroutine.

The plugin to compare servers, settings and executors with: one table, two statements, no pauses.
README.md beside this file says what can be set.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import AsyncIterator, Callable
from fractions import Fraction
from typing import Annotated, Literal, Self

import asyncpg
from pydantic import BaseModel, Field, model_validator

from stormdb.plugin import (
    Config,
    Context,
    Finding,
    Metrics,
    PluginMetadata,
    Workload,
    WorkloadPlugin,
)
from stormdb.workload import ALPHANUMERIC, Tx, Value, random_text, transaction, uniform, zipf
from stormdb.workloads.simple.ranks import Ranks

__all__ = ["PLUGIN", "Simple", "SimpleOptions", "SimplePlugin"]

ROWS_PER_SCALE = 100_000
MOST_ROWS = 3 * 10**9  # products of two row numbers are 64-bit integers
ROWS_PER_BATCH = 20_000
VALUE_CHARS = 20

TABLE = """
CREATE TABLE IF NOT EXISTS item (
    id      bigint PRIMARY KEY,
    value   text NOT NULL,
    changes integer NOT NULL DEFAULT 0
)
"""
READ = "SELECT value FROM item WHERE id = $1"
WRITE = "UPDATE item SET value = $2, changes = changes + 1 WHERE id = $1"


class SimpleOptions(BaseModel, extra="forbid"):
    """The keys below `workload_config`."""

    read_ratio: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of reads in `simple` and `mixed`."""
    keys: Literal["uniform", "zipf"] = "uniform"
    """How keys are drawn: every one alike, or a few of them most of the time."""
    skew: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Of `zipf`: the key of rank k is drawn with a probability as 1 / k ** skew."""

    @model_validator(mode="after")
    def _skew_has_effect(self) -> Self:
        if "skew" in self.model_fields_set and self.keys == "uniform":
            raise ValueError("skew has no effect unless keys is zipf")
        return self


class Simple(Workload):
    """Reads and writes.

    Args:
        read_ratio: share of reads; None takes the one in the configuration.
    """

    config_model = SimpleOptions

    def __init__(self, read_ratio: float | None = None) -> None:
        self._read_ratio = read_ratio

    def _reads(self, cfg: Config) -> Fraction:
        ratio = cfg.workload_config.read_ratio if self._read_ratio is None else self._read_ratio
        return Fraction(ratio).limit_denominator(10_000)

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Make and fill the table, unless it is there."""
        total = row_count(cfg)

        async def rows() -> AsyncIterator[bytes]:
            for first in range(0, total, ROWS_PER_BATCH):
                ids = range(first, min(first + ROWS_PER_BATCH, total))
                yield b"".join(b"%d\t%020d\n" % (number, number) for number in ids)
                ctx.progress(ids.stop, total, "items")

        async with db.acquire() as connection:
            async with connection.transaction():
                await connection.execute(TABLE)
                if not await connection.fetchval("SELECT EXISTS (SELECT FROM item)"):
                    await connection.copy_to_table("item", source=rows(), columns=["id", "value"])
            await connection.execute("VACUUM (ANALYZE) item")

    @transaction(weight=lambda self, cfg: self._reads(cfg).numerator)
    def read(self, tx: Tx, cfg: Config) -> None:
        """Look at one row."""
        tx.execute(READ, described_key(cfg), rows=1, label="SELECT item")

    @transaction(weight=lambda self, cfg: (1 - self._reads(cfg)).numerator)
    def write(self, tx: Tx, cfg: Config) -> None:
        """Change one row."""
        value = random_text(VALUE_CHARS)
        tx.execute(WRITE, described_key(cfg), value, rows=1, label="UPDATE item")

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        """The same as a coroutine."""
        is_read = ctx.random.random() < self._reads(cfg)
        key = key_drawer(row_count(cfg), cfg.workload_config)(ctx.random)
        if is_read:
            async with db.acquire() as connection, metrics.operation("read"):
                await connection.fetchval(READ, key)
        else:
            value = "".join(ctx.random.choices(ALPHANUMERIC, k=VALUE_CHARS))
            async with db.acquire() as connection, metrics.operation("write"):
                await connection.execute(WRITE, key, value)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        """No row is lost and none was made."""
        count = await db.fetchval("SELECT count(*) FROM item")
        expected = row_count(cfg)
        return [
            Finding(
                name="number of rows",
                ok=count == expected,
                detail=f"{count} rows, {expected} expected",
            )
        ]


def row_count(cfg: Config) -> int:
    """How many rows there are; their ids begin at 0.

    Raises:
        ValueError: more than keys can be drawn of.
    """
    rows = cfg.scale * ROWS_PER_SCALE
    if rows > MOST_ROWS:
        raise ValueError(f"scale is {cfg.scale}, at most {MOST_ROWS // ROWS_PER_SCALE} is possible")
    return rows


def stride(rows: int) -> int:
    """What frequent ranks are multiplied by, modulo `rows`, to lie on pages far from another.

    Both forms can compute it. It shares no factor with `rows`, so that each rank has a row of its
    own; near the golden section, so that neighbouring ranks are far apart.
    """
    number = round(rows * 0.618)
    while math.gcd(number, rows) != 1:
        number += 1
    return number


def described_key(cfg: Config) -> Value:
    """The key of a described transaction."""
    rows, options = row_count(cfg), cfg.workload_config
    if options.keys == "uniform":
        return uniform(0, rows - 1)
    return zipf(rows, skew=options.skew) * stride(rows) % rows


def key_drawer(rows: int, options: SimpleOptions) -> Callable[[random.Random], int]:
    """A function that draws the key of a call of `run`."""
    if options.keys == "uniform":
        return lambda rng: rng.randrange(rows)
    ranks, factor = _ranks(rows, options.skew), stride(rows)
    return lambda rng: ranks.draw(rng) * factor % rows


_ranks = functools.cache(Ranks)


class SimplePlugin(WorkloadPlugin):
    """Offers reads, writes and mixes of them."""

    def get_metadata(self) -> PluginMetadata:
        """Who the plugin is and what it needs."""
        return PluginMetadata(
            name="simple",
            version="1.0.0",
            description="reads and writes of single rows by key",
            author="the stormdb authors",
            workload_types=("simple", "read", "write", "mixed"),
            min_postgresql_version="12",
        )

    def create_workload(self, workload_type: str) -> Workload:
        """The workload of that type."""
        match workload_type:
            case "simple" | "mixed":
                return Simple()
            case "read":
                return Simple(read_ratio=1.0)
            case "write":
                return Simple(read_ratio=0.0)
        raise ValueError(f"unknown workload type {workload_type!r}")


PLUGIN = SimplePlugin()

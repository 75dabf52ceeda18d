"""The workload: passages by topic; the client reads the nearest topics and ranks with numpy."""

from __future__ import annotations

from random import Random

import asyncpg
import numpy as np
import numpy.typing as npt

from stormdb.plugin import Config, Context, Finding, Metrics, Workload
from vectors.config import VectorsConfig

PASSAGES_PER_SCALE = 1000
TOPICS = 20

Array = npt.NDArray[np.float32]

# bytea instead of real[]: four bytes a number, which numpy reads without looking at each.
TABLES = """
CREATE TABLE IF NOT EXISTS topic (id int PRIMARY KEY, centre bytea NOT NULL);
CREATE TABLE IF NOT EXISTS passage (
    id bigint PRIMARY KEY,
    topic_id int NOT NULL REFERENCES topic,
    embedding bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS passage_topic ON passage (topic_id)
"""
CENTRES = "SELECT id, centre FROM topic ORDER BY id"
NEAR = "SELECT id, embedding FROM passage WHERE topic_id = ANY($1::int[])"
REPLACE = "UPDATE passage SET topic_id = $2, embedding = $3 WHERE id = $1"


class Vectors(Workload):
    """Searches for the passages nearest to a vector; gives passages new embeddings."""

    config_model = VectorsConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLES)
            if await connection.fetchval("SELECT EXISTS (SELECT FROM topic)"):
                return
            centres = unit_vectors(ctx.random, TOPICS, cfg)
            passages = unit_vectors(ctx.random, passage_count(cfg), cfg)
            topics = nearest(passages, centres)
            await connection.copy_records_to_table(
                "topic",
                records=((n, centre.tobytes()) for n, centre in enumerate(centres)),
            )
            await connection.copy_records_to_table(
                "passage",
                records=(
                    (n, int(topic), passage.tobytes())
                    for n, (topic, passage) in enumerate(zip(topics, passages, strict=True), 1)
                ),
            )
            ctx.progress(len(passages), len(passages), "passages")
            await connection.execute("ANALYZE passage")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS passage, topic")

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        (wanted,) = unit_vectors(ctx.random, 1, cfg)
        passage = ctx.random.randint(1, passage_count(cfg))
        if ctx.random.randrange(100) < cfg.workload_config.write_percent:
            async with metrics.operation("replace"):
                (topic,) = nearest(wanted[None, :], as_array(await db.fetch(CENTRES)))
                await db.execute(REPLACE, passage, int(topic), wanted.tobytes())
            return
        async with metrics.operation("search"):
            centres = as_array(await db.fetch(CENTRES))
            probed = np.argsort(-(centres @ wanted))[: cfg.workload_config.probes]
            rows = await db.fetch(NEAR, [int(topic) for topic in probed])
            metrics.record("candidates", len(rows))
            if rows:
                best = np.argsort(-(as_array(rows) @ wanted))[:10]
                metrics.record("similarity", float(as_array(rows)[best[0]] @ wanted))

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        rows = await db.fetch("SELECT id, embedding, topic_id FROM passage ORDER BY id")
        astray = 0
        if rows:
            similarity = as_array(rows) @ as_array(await db.fetch(CENTRES)).T
            own = similarity[np.arange(len(rows)), [row["topic_id"] for row in rows]]
            # Two sums of floats in another order may differ in the last digit.
            astray = int(np.count_nonzero(similarity.max(axis=1) - own > 1e-5))
        return [
            Finding(
                name="every passage is there",
                ok=len(rows) == passage_count(cfg),
                detail=f"{len(rows)} of {passage_count(cfg)} passages",
            ),
            Finding(
                name="each passage has the topic that is nearest",
                ok=astray == 0,
                detail=f"{astray} passages with another one",
            ),
        ]


def passage_count(cfg: Config) -> int:
    """How many passages `setup` loads; their ids are 1 and up."""
    return cfg.scale * PASSAGES_PER_SCALE


def unit_vectors(random: Random, count: int, cfg: Config) -> Array:
    """Vectors of length 1 in random directions; the run's seed decides them."""
    rng = np.random.default_rng(random.getrandbits(64))
    found = rng.standard_normal((count, cfg.workload_config.dimensions), dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def nearest(vectors: Array, centres: Array) -> npt.NDArray[np.intp]:
    """The number of the nearest centre for each vector."""
    numbers: npt.NDArray[np.intp] = np.argmax(vectors @ centres.T, axis=1)
    return numbers


def as_array(rows: list[asyncpg.Record]) -> Array:
    """The second columns of some rows, a vector each."""
    return np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(len(rows), -1)

"""Producers put jobs into a table, workers take them out of it, each job in one transaction."""

from __future__ import annotations

from contextlib import suppress

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from job_queue.config import JobQueueConfig
from stormdb.plugin import Config, Context, Finding, Metrics, Workload
from stormdb.workload import Tx, transaction, uniform

JOBS_PER_SCALE = 1000
PRIORITIES = 3
PAYLOAD = "send the invoice"

# The index holds open jobs only, in the order in which they are taken: it stays as small as the
# queue, however many jobs are done. Every job that is done leaves a dead entry behind in it, so the
# table is vacuumed long before the default of a fifth of its rows.
TABLES = """
CREATE TABLE IF NOT EXISTS job (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    priority   smallint NOT NULL,
    visible_at timestamptz NOT NULL DEFAULT now(),
    attempts   smallint NOT NULL DEFAULT 0,
    done_at    timestamptz,
    payload    text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX IF NOT EXISTS job_open ON job (priority, visible_at, id) WHERE done_at IS NULL;

-- What the jobs have brought about. A job that is done a second time violates the key.
CREATE TABLE IF NOT EXISTS ledger (
    job_id  bigint PRIMARY KEY REFERENCES job,
    done_at timestamptz NOT NULL DEFAULT now()
);
"""

ENQUEUE = "INSERT INTO job (priority, payload) VALUES ($1, $2)"
# The time is read outside of the part that locks: a wait for the row belongs to the job's wait.
CLAIM_WAITING = """
SELECT id, extract(epoch FROM clock_timestamp() - visible_at)::float8 * 1000 AS waited_ms FROM (
    SELECT id, visible_at FROM job WHERE done_at IS NULL AND visible_at <= now()
    ORDER BY priority, visible_at, id LIMIT 1 FOR UPDATE
) AS claimed
"""
CLAIM = CLAIM_WAITING.replace("FOR UPDATE", "FOR UPDATE SKIP LOCKED")
PUT_OFF = """
UPDATE job SET attempts = attempts + 1, visible_at = now() + interval '1 minute' * (attempts + 1)
WHERE id = $1
"""
BOOK = "INSERT INTO ledger (job_id) VALUES ($1)"
FINISH = "UPDATE job SET done_at = now() WHERE id = $1 AND done_at IS NULL"

COUNTS = """
SELECT (SELECT count(*) FROM job) AS queued,
       (SELECT count(*) FROM job WHERE done_at IS NULL) AS open,
       (SELECT count(*) FROM ledger) AS done,
       (SELECT count(*) FROM job LEFT JOIN ledger ON job_id = id
        WHERE (job.done_at IS NOT NULL) <> (job_id IS NOT NULL)) AS wrong
"""


class Crash(Exception):  # noqa: N818 - no error: it belongs to the workload
    """A worker dies at its work; the server rolls its transaction back."""


class JobQueue(Workload):
    """The queue. A worker's crash is its transaction rolled back: the job is free again."""

    config_model = JobQueueConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLES)
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM job)"):
                await connection.copy_records_to_table(
                    "job",
                    records=[
                        (ctx.random.randint(1, PRIORITIES), PAYLOAD)
                        for _ in range(JOBS_PER_SCALE * cfg.scale)
                    ],
                    columns=["priority", "payload"],
                )
                await connection.execute("ANALYZE job")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS ledger, job")

    @transaction(weight=lambda cfg: cfg.workload_config.enqueue_percent)
    def enqueue(self, tx: Tx, cfg: Config) -> None:
        tx.execute(ENQUEUE, uniform(1, PRIORITIES), PAYLOAD, rows=1)

    @transaction(weight=lambda cfg: 100 - cfg.workload_config.enqueue_percent)
    def work(self, tx: Tx, cfg: Config) -> None:
        options: JobQueueConfig = cfg.workload_config
        fate = tx.let("fate", uniform(0, 99))
        with tx.block():
            job, waited_ms = tx.fetch_row(
                claim_of(options), types=(int, float), rows=(0, 1), label="claim"
            )
            with tx.when(~job.is_null()):
                tx.emit("queue_wait_ms", waited_ms)
                with tx.when(fate < options.fail_percent):
                    tx.execute(PUT_OFF, job, rows=1, label="put off")
                with tx.otherwise():
                    tx.execute(BOOK, job, rows=1, label="book")
                    with tx.when(fate >= 100 - options.crash_percent):
                        tx.abort()
                    tx.execute(FINISH, job, rows=1, label="finish")

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        """The same for the coroutine executor."""
        options: JobQueueConfig = cfg.workload_config
        if ctx.random.randrange(100) < options.enqueue_percent:
            async with metrics.operation("enqueue"):
                await db.execute(ENQUEUE, ctx.random.randint(1, PRIORITIES), PAYLOAD)
            return
        fate = ctx.random.randrange(100)
        async with db.acquire() as connection, metrics.operation("work"):
            with suppress(Crash):
                async with connection.transaction():
                    job = await connection.fetchrow(claim_of(options))
                    if job is not None:
                        metrics.record("queue_wait_ms", job["waited_ms"])
                        await self._do(connection, job["id"], fate, options)

    async def _do(
        self, connection: PoolConnectionProxy, job: int, fate: int, options: JobQueueConfig
    ) -> None:
        if fate < options.fail_percent:
            await connection.execute(PUT_OFF, job)
            return
        await connection.execute(BOOK, job)
        if fate >= 100 - options.crash_percent:
            raise Crash
        await connection.execute(FINISH, job)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        (found,) = await db.fetch(COUNTS)
        return [
            Finding(
                name="queued = done + open",
                ok=found["queued"] == found["done"] + found["open"],
                detail=f"{found['queued']} = {found['done']} + {found['open']}",
            ),
            Finding(
                name="what is done is in the ledger, and nothing else",
                ok=found["wrong"] == 0,
                detail=f"{found['wrong']} jobs differ",
            ),
        ]


def claim_of(options: JobQueueConfig) -> str:
    """How a worker takes the next job."""
    return CLAIM if options.skip_locked else CLAIM_WAITING

"""The workload: events by day, written to the newest partition, dropped with the oldest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg

from events.config import EventsConfig
from stormdb.plugin import Config, Context, Finding, Metrics, Workload
from stormdb.workload import Tx, choice, transaction, uniform

EVENTS_PER_DAY = 200
SOURCES_PER_SCALE = 20
SHARDS = 16
FIRST_DAY = datetime(2030, 1, 1, tzinfo=UTC)
DAY_S = 86_400
LATE_PERCENT = 5

# The days are not those of the clock: they go by when a transaction lets them, so that a run of a
# minute sees many, and the same seed makes the same data.
TABLES = """
CREATE SEQUENCE event_id;
CREATE TABLE event (
    id bigint NOT NULL DEFAULT nextval('event_id'),
    happened_at timestamptz NOT NULL,
    source int NOT NULL,
    amount int NOT NULL,
    PRIMARY KEY (id, happened_at)
) PARTITION BY RANGE (happened_at);
CREATE INDEX event_source ON event (source, happened_at);

CREATE TABLE calendar (
    is_only bool PRIMARY KEY DEFAULT true CHECK (is_only),
    oldest date NOT NULL, today date NOT NULL, ahead_days int NOT NULL
);
-- What was ever written, and what left with its partition. Sixteen rows for each day, so that
-- writers do not queue for one.
CREATE TABLE ledger (
    day date, shard int, written bigint NOT NULL, PRIMARY KEY (day, shard)
);
CREATE TABLE retired (day date PRIMARY KEY, dropped bigint NOT NULL);
"""

# A table that is attached takes a lock on `event` that readers and writers do not feel; CREATE
# TABLE … PARTITION OF would stop them.
OPEN_DAY = """
CREATE FUNCTION open_day(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text := 'event_' || to_char(day, 'YYYYMMDD');
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE event INCLUDING ALL)', name);
    EXECUTE format('ALTER TABLE event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   name, day || ' 00:00+00', day + 1 || ' 00:00+00');
END $$
"""
# To detach a partition needs `event` for itself, for a moment. Who waits for that stops everybody
# behind him, so he gives up soon, and the next turn tries again. 1: a day has begun, 0: not now.
TURN_DAY = """
CREATE FUNCTION turn_day() RETURNS int LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    now calendar;
    name text;
    dropped bigint;
BEGIN
    SELECT * INTO STRICT now FROM calendar FOR UPDATE;  -- one turn at a time
    PERFORM open_day(now.today + now.ahead_days + 1);
    name := 'event_' || to_char(now.oldest, 'YYYYMMDD');
    EXECUTE format('ALTER TABLE event DETACH PARTITION %I', name);
    EXECUTE format('SELECT count(*) FROM %I', name) INTO dropped;
    INSERT INTO retired VALUES (now.oldest, dropped);
    EXECUTE format('DROP TABLE %I', name);
    UPDATE calendar SET oldest = oldest + 1, today = today + 1;
    RETURN 1;
EXCEPTION WHEN lock_not_available THEN
    RETURN 0;
END $$
"""

# Event and ledger in one statement: both or neither.
WRITE = """
WITH written AS (
    INSERT INTO event (happened_at, source, amount)
    SELECT today::timestamp AT TIME ZONE 'UTC' + $1 * interval '1 second', $2, $3 FROM calendar
    RETURNING (happened_at AT TIME ZONE 'UTC')::date AS day
)
INSERT INTO ledger AS kept (day, shard, written) SELECT day, $4, 1 FROM written
ON CONFLICT (day, shard) DO UPDATE SET written = kept.written + 1
"""
# The bounds are not known when it is planned: the executor leaves the other partitions out.
TODAY = """
SELECT count(*), sum(amount) FROM event
WHERE source = $1
  AND happened_at >= (SELECT today::timestamp AT TIME ZONE 'UTC' FROM calendar)
  AND happened_at < (SELECT (today + 1)::timestamp AT TIME ZONE 'UTC' FROM calendar)
"""
# Partitions are in order, so it begins with the newest and ends with the tenth event.
NEWEST = """
SELECT id, happened_at, amount FROM event WHERE source = $1 ORDER BY happened_at DESC LIMIT 10
"""
# Read committed, whatever the session has: the function counts the partition when it is detached.
# A snapshot of the whole transaction is older than that, and misses what was written meanwhile.
TURN = "SELECT turn_day()"

LOST = """
SELECT count(*) FROM (
    SELECT day, sum(written) AS expected FROM ledger GROUP BY day
) AS of_ledger FULL JOIN (
    SELECT day, sum(found) AS found FROM (
        SELECT (happened_at AT TIME ZONE 'UTC')::date AS day, count(*) AS found
        FROM event GROUP BY day
        UNION ALL SELECT day, dropped FROM retired
    ) AS rows GROUP BY day
) AS of_table USING (day) WHERE coalesce(expected, 0) <> coalesce(found, 0)
"""
MISPLACED = """
SELECT count(*) FROM event JOIN pg_class ON pg_class.oid = event.tableoid
WHERE relname <> 'event_' || to_char(happened_at AT TIME ZONE 'UTC', 'YYYYMMDD')
"""
WRONG_PARTITIONS = """
SELECT count(*) FROM (
    SELECT 'event_' || to_char(day, 'YYYYMMDD') AS name
    FROM calendar, LATERAL (
        SELECT oldest + n AS day FROM generate_series(0, today + ahead_days - oldest) AS n
    ) AS days
) AS wanted FULL JOIN (
    SELECT relname::text AS name FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'event'::regclass
) AS found USING (name) WHERE wanted.name IS NULL OR found.name IS NULL
"""


class Events(Workload):
    """Writes events, reads those of a source, lets days begin and end."""

    config_model = EventsConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            if await connection.fetchval("SELECT to_regclass('calendar') IS NOT NULL"):
                return
            for statement in (TABLES, OPEN_DAY, TURN_DAY):
                await connection.execute(statement)
            kept, ahead = cfg.workload_config.kept_days, cfg.workload_config.ahead_days
            days = [FIRST_DAY + timedelta(days=number) for number in range(kept + ahead)]
            await connection.execute(
                "INSERT INTO calendar (oldest, today, ahead_days) VALUES ($1, $2, $3)",
                days[0].date(),
                days[kept - 1].date(),
                ahead,
            )
            for number, day in enumerate(days):
                await connection.execute("SELECT open_day($1)", day.date())
                ctx.progress(number + 1, len(days), "days")
            await connection.copy_records_to_table(
                "event",
                records=(
                    (
                        day + timedelta(seconds=ctx.random.randrange(DAY_S)),
                        ctx.random.randint(1, source_count(cfg)),
                        ctx.random.randint(1, 1000),
                    )
                    for day in days[:kept]
                    for _ in range(EVENTS_PER_DAY * cfg.scale)
                ),
                columns=["happened_at", "source", "amount"],
            )
            await connection.execute(
                "INSERT INTO ledger SELECT (happened_at AT TIME ZONE 'UTC')::date AS day, 0, "
                "count(*) FROM event GROUP BY day"
            )
            await connection.execute("ANALYZE event")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute(
            "DROP TABLE IF EXISTS event, calendar, ledger, retired; "
            "DROP SEQUENCE IF EXISTS event_id; "
            "DROP FUNCTION IF EXISTS open_day(date); DROP FUNCTION IF EXISTS turn_day()"
        )

    def weights(self, cfg: Config) -> dict[str, int]:
        """Weight of each transaction: of 10 that are no turn, 5 write."""
        turns: int = cfg.workload_config.turns_per_mille
        rest = 1000 - turns
        return {"write": 5 * rest, "today": 3 * rest, "newest": 2 * rest, "turn": 10 * turns}

    # Described: executed by native threads.

    @transaction(weight=lambda self, cfg: self.weights(cfg)["write"])
    def write(self, tx: Tx, cfg: Config) -> None:
        second = choice(
            [uniform(0, DAY_S - 1), uniform(-DAY_S, -1)], [100 - LATE_PERCENT, LATE_PERCENT]
        )
        source, amount = uniform(1, source_count(cfg)), uniform(1, 1000)
        tx.execute(WRITE, second, source, amount, uniform(0, SHARDS - 1), rows=1)

    @transaction(weight=lambda self, cfg: self.weights(cfg)["today"])
    def today(self, tx: Tx, cfg: Config) -> None:
        tx.execute(TODAY, uniform(1, source_count(cfg)), rows=1)

    @transaction(weight=lambda self, cfg: self.weights(cfg)["newest"])
    def newest(self, tx: Tx, cfg: Config) -> None:
        tx.execute(NEWEST, uniform(1, source_count(cfg)))

    @transaction(weight=lambda self, cfg: self.weights(cfg)["turn"])
    def turn(self, tx: Tx) -> None:
        with tx.block(isolation="read committed"):
            tx.emit("days_begun", tx.fetch_value(TURN))

    # The same as a coroutine.

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        weights = self.weights(cfg)
        (name,) = ctx.random.choices(list(weights), list(weights.values()))
        source, amount = ctx.random.randint(1, source_count(cfg)), ctx.random.randint(1, 1000)
        second, shard = ctx.random.randrange(DAY_S), ctx.random.randrange(SHARDS)
        if ctx.random.randrange(100) < LATE_PERCENT:
            second -= DAY_S
        async with metrics.operation(name):
            match name:
                case "write":
                    await db.execute(WRITE, second, source, amount, shard)
                case "today":
                    await db.fetchrow(TODAY, source)
                case "newest":
                    await db.fetch(NEWEST, source)
                case "turn":
                    metrics.record("days_begun", await self._turn(db))

    async def _turn(self, db: asyncpg.Pool) -> int:
        async with (
            db.acquire() as connection,
            connection.transaction(isolation="read_committed"),
        ):
            return int(await connection.fetchval(TURN))

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        lost = await db.fetchval(LOST)
        misplaced = await db.fetchval(MISPLACED)
        wrong = await db.fetchval(WRONG_PARTITIONS)
        return [
            Finding(
                name="each event that was written is there or was dropped with its day",
                ok=lost == 0,
                detail=f"{lost} days with another number of events",
            ),
            Finding(
                name="each event is in the partition of its day",
                ok=misplaced == 0,
                detail=f"{misplaced} events elsewhere",
            ),
            Finding(
                name="there is a partition for each day that is kept or to come",
                ok=wrong == 0,
                detail=f"{wrong} partitions too many or too few",
            ),
        ]


def source_count(cfg: Config) -> int:
    """How many sources send events; their numbers are 1 and up."""
    return cfg.scale * SOURCES_PER_SCALE

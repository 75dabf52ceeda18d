"""What both workloads have in common: the tables, the statements and the invariants."""

from __future__ import annotations

import asyncpg

from stormdb.plugin import Config, Context, Finding, Workload

BASKETS_PER_SCALE = 100
PRODUCTS = 1000

TABLES = """
CREATE TABLE IF NOT EXISTS basket (
    id      int PRIMARY KEY,
    version int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS line (
    basket_id int NOT NULL REFERENCES basket,
    version   int NOT NULL,
    product   int NOT NULL,
    PRIMARY KEY (basket_id, version)
);
CREATE TABLE IF NOT EXISTS outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    basket_id  int NOT NULL,
    version    int NOT NULL,
    payload    jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at    timestamptz,
    UNIQUE (basket_id, version)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX IF NOT EXISTS outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX IF NOT EXISTS outbox_unsent_of_basket ON outbox (basket_id) WHERE sent_at IS NULL;

-- What the others have received, in the order in which they did.
CREATE TABLE IF NOT EXISTS delivery (
    seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    basket_id int NOT NULL,
    version   int NOT NULL,
    UNIQUE (basket_id, version)
);
"""

# Producers of one basket wait for each other here, so its events are numbered without gaps.
STEP = "UPDATE basket SET version = version + 1 WHERE id = $1 RETURNING version"
ADD = "INSERT INTO line (basket_id, version, product) VALUES ($1, $2, $3)"
TELL = """
INSERT INTO outbox (basket_id, version, payload)
VALUES ($1, $2, jsonb_build_object('product', $3::int))
"""

# The oldest event that waits decides which basket is next. The basket is locked, not the event: no
# other relay may send a later event of the same basket meanwhile.
CLAIM = """
SELECT basket.id FROM outbox JOIN basket ON basket.id = outbox.basket_id
WHERE sent_at IS NULL ORDER BY outbox.id LIMIT 1 FOR NO KEY UPDATE OF basket SKIP LOCKED
"""
SEND = """
WITH sent AS (
    UPDATE outbox SET sent_at = clock_timestamp() WHERE basket_id = $1 AND sent_at IS NULL
    RETURNING basket_id, version, created_at, sent_at
), received AS (
    INSERT INTO delivery (basket_id, version) SELECT basket_id, version FROM sent ORDER BY version
)
SELECT count(*) AS events,
       max(extract(epoch FROM sent_at - created_at))::float8 * 1000 AS latency_ms
FROM sent
"""

WITHOUT_EVENT = """
SELECT count(*) FROM line FULL JOIN outbox USING (basket_id, version)
WHERE line.product IS NULL OR outbox.id IS NULL
"""
UNEQUAL = """
SELECT count(*) FROM outbox FULL JOIN delivery USING (basket_id, version)
WHERE (sent_at IS NOT NULL) IS DISTINCT FROM (seq IS NOT NULL)
"""
OUT_OF_ORDER = """
SELECT count(*) FROM (
    SELECT version - lag(version, 1, 0) OVER (PARTITION BY basket_id ORDER BY seq) AS step
    FROM delivery
) AS received WHERE step <> 1
"""


class Outbox(Workload):
    """Data and invariants; the two workloads differ in how a relay hears of events."""

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        async with db.acquire() as connection, connection.transaction():
            await connection.execute(TABLES)
            await connection.execute(
                "INSERT INTO basket SELECT generate_series(1, $1) ON CONFLICT DO NOTHING",
                baskets(cfg),
            )
            await connection.execute("ANALYZE basket")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS delivery, outbox, line, basket")

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        checks = {
            "each line has one event, and each event a line": WITHOUT_EVENT,
            "what was sent was received, once, and nothing else": UNEQUAL,
            "events of a basket were received in order": OUT_OF_ORDER,
        }
        findings = []
        for name, query in checks.items():
            wrong = await db.fetchval(query)
            findings.append(Finding(name=name, ok=wrong == 0, detail=f"{wrong} are wrong"))
        return findings


def baskets(cfg: Config) -> int:
    """How many baskets there are; they are numbered from 1."""
    return BASKETS_PER_SCALE * cfg.scale

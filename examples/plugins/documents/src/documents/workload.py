"""The workload: orders as documents, found by what is in them, and changed in part."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import asyncpg

from documents.config import DocumentsConfig
from stormdb.plugin import Config, Context, Finding, Metrics, Workload
from stormdb.workload import Tx, table, text, transaction, uniform

ORDERS_PER_SCALE = 1000
CUSTOMERS_PER_SCALE = 50
SKUS_PER_SCALE = 200
TAGS = ("express", "gift", "pickup", "repeat", "returned", "wholesale")
SETUP_LOCK = 4_711_001

TABLE = """
CREATE TABLE IF NOT EXISTS customer_order (
    id bigint PRIMARY KEY,
    body jsonb NOT NULL,
    CHECK (jsonb_typeof(body -> 'lines') = 'array' AND (body ->> 'total')::bigint >= 0)
);
CREATE INDEX IF NOT EXISTS customer_order_body ON customer_order USING gin (body {operator_class});
CREATE INDEX IF NOT EXISTS customer_order_customer
    ON customer_order (((body ->> 'customer')::bigint), id);
CREATE TABLE IF NOT EXISTS order_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id bigint NOT NULL REFERENCES customer_order
)
"""

# A pattern that the document must contain: both operator classes look it up in the index.
BY_TAG = "SELECT id, body ->> 'total' FROM customer_order WHERE body @> $1::jsonb LIMIT 20"
BY_SKU = "SELECT id, body -> 'lines' FROM customer_order WHERE body @> $1::jsonb"
# The equality within the path comes from the index, the comparison is checked on the row.
BY_PATH = "SELECT id FROM customer_order WHERE body @? $1::jsonpath"
# An expression index, for a value that each document has once.
BY_CUSTOMER = """
SELECT id, body ->> 'total' FROM customer_order
WHERE (body ->> 'customer')::bigint = $1 ORDER BY id DESC LIMIT 10
"""
# Whether there is a key: jsonb_ops alone has keys in the index.
BY_KEY = "SELECT count(*) FROM customer_order WHERE body ? 'note'"

# One statement reads and writes, so that the row's lock covers both: a document which the client
# reads, changes and writes back as a whole loses what others changed in the meantime. The change is
# noted elsewhere too, where it cannot be overwritten: that is how `verify` sees a lost one.
CHANGE = """
WITH changed AS (
    UPDATE customer_order SET body = jsonb_set(body, '{lines,0,quantity}', to_jsonb($2::bigint))
        || jsonb_build_object(
            'total', (body ->> 'total')::bigint + (body #>> '{lines,0,cents}')::bigint
                     * ($2::bigint - (body #>> '{lines,0,quantity}')::bigint),
            'revision', (body ->> 'revision')::bigint + 1)
    WHERE id = $1 RETURNING id
)
INSERT INTO order_change (order_id) SELECT id FROM changed
"""

WRONG_TOTALS = """
SELECT count(*) FROM customer_order
WHERE (body ->> 'total')::bigint IS DISTINCT FROM (
    SELECT sum((line ->> 'quantity')::bigint * (line ->> 'cents')::bigint)
    FROM jsonb_array_elements(body -> 'lines') AS line)
"""
LOST_CHANGES = """
SELECT count(*) FROM customer_order LEFT JOIN (
    SELECT order_id AS id, count(*) AS noted FROM order_change GROUP BY order_id
) AS change USING (id)
WHERE (body ->> 'revision')::bigint IS DISTINCT FROM coalesce(noted, 0)
"""
OPERATOR_CLASS = """
SELECT opcname FROM pg_index JOIN pg_opclass ON pg_opclass.oid = indclass[0]
WHERE indexrelid = to_regclass('customer_order_body')
"""


class Documents(Workload):
    """Finds orders by tag, article, path and customer; changes the quantity of a line."""

    config_model = DocumentsConfig

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        # One transaction: a setup that is interrupted leaves nothing, not half of its rows.
        async with db.acquire() as connection, connection.transaction():
            operator_class = cfg.workload_config.operator_class
            await connection.execute(TABLE.format(operator_class=operator_class))
            if await connection.fetchval("SELECT EXISTS (SELECT FROM customer_order)"):
                return
            orders = order_count(cfg)
            await connection.copy_records_to_table(
                "customer_order",
                records=((n, json.dumps(order(ctx.random, cfg))) for n in range(1, orders + 1)),
                columns=["id", "body"],
            )
            ctx.progress(orders, orders, "orders")
            await connection.execute("ANALYZE customer_order")

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        await db.execute("DROP TABLE IF EXISTS order_change, customer_order")

    def weights(self, cfg: Config) -> dict[str, int]:
        """Weight of each transaction."""
        has_keys = cfg.workload_config.operator_class == "jsonb_ops"
        reads = {"tag": 3, "sku": 3, "path": 2, "customer": 2, "key": int(has_keys)}
        write_percent: int = cfg.workload_config.write_percent
        scaled = {name: share * (100 - write_percent) for name, share in reads.items()}
        return {**scaled, "change": sum(reads.values()) * write_percent}

    # Described: executed by native threads.

    @transaction(weight=lambda self, cfg: self.weights(cfg)["tag"])
    def tag(self, tx: Tx) -> None:
        tag = table(TAGS)[uniform(0, len(TAGS) - 1)]
        tx.execute(BY_TAG, text('{"tags": ["', tag, '"]}'), label="containment of a tag")

    @transaction(weight=lambda self, cfg: self.weights(cfg)["sku"])
    def sku(self, tx: Tx, cfg: Config) -> None:
        sku = uniform(1, sku_count(cfg))
        tx.execute(
            BY_SKU, text('{"lines": [{"sku": ', sku, "}]}"), label="containment of an article"
        )

    @transaction(weight=lambda self, cfg: self.weights(cfg)["path"])
    def path(self, tx: Tx, cfg: Config) -> None:
        sku = uniform(1, sku_count(cfg))
        tx.execute(BY_PATH, text("$.lines[*] ? (@.sku == ", sku, " && @.quantity > 2)"))

    @transaction(weight=lambda self, cfg: self.weights(cfg)["customer"])
    def customer(self, tx: Tx, cfg: Config) -> None:
        tx.execute(BY_CUSTOMER, uniform(1, customer_count(cfg)))

    @transaction(weight=lambda self, cfg: self.weights(cfg)["key"])
    def key(self, tx: Tx) -> None:
        tx.execute(BY_KEY, rows=1)

    @transaction(weight=lambda self, cfg: self.weights(cfg)["change"])
    def change(self, tx: Tx, cfg: Config) -> None:
        tx.execute(CHANGE, uniform(1, order_count(cfg)), uniform(1, 9), rows=1)

    # The same as a coroutine.

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        weights = self.weights(cfg)
        (name,) = ctx.random.choices(list(weights), list(weights.values()))
        sql, values = question(name, ctx.random, cfg)
        async with metrics.operation(name):
            if name == "change":
                await db.execute(sql, *values)
            else:
                await db.fetch(sql, *values)

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        found = await db.fetchval("SELECT count(*) FROM customer_order")
        wrong = await db.fetchval(WRONG_TOTALS)
        lost = await db.fetchval(LOST_CHANGES)
        operator_class = await db.fetchval(OPERATOR_CLASS)
        return [
            Finding(
                name="every order is there",
                ok=found == order_count(cfg),
                detail=f"{found} of {order_count(cfg)} orders",
            ),
            Finding(
                name="each total is the sum of its lines",
                ok=wrong == 0,
                detail=f"{wrong} orders with another total",
            ),
            Finding(
                name="no change is lost: each order has the revision of its changes",
                ok=lost == 0,
                detail=f"{lost} orders with another revision",
            ),
            Finding(
                name="the index has the operator class that was asked for",
                # `setup` keeps an index that is there, as it keeps the orders.
                ok=operator_class == cfg.workload_config.operator_class,
                detail=f"{operator_class}, and {cfg.workload_config.operator_class} was asked for",
            ),
        ]


def order_count(cfg: Config) -> int:
    """How many orders `setup` loads; their ids are 1 and up."""
    return cfg.scale * ORDERS_PER_SCALE


def customer_count(cfg: Config) -> int:
    """How many customers there are; their numbers are 1 and up."""
    return cfg.scale * CUSTOMERS_PER_SCALE


def sku_count(cfg: Config) -> int:
    """How many articles there are; their numbers are 1 and up."""
    return cfg.scale * SKUS_PER_SCALE


def order(random: Random, cfg: Config) -> dict[str, Any]:
    """One order."""
    lines = [
        {"sku": sku, "quantity": random.randint(1, 9), "cents": random.randint(100, 9999)}
        for sku in random.sample(range(1, sku_count(cfg) + 1), random.randint(1, 5))
    ]
    body = {
        "customer": random.randint(1, customer_count(cfg)),
        "tags": random.sample(TAGS, random.randint(0, 2)),
        "lines": lines,
        "total": sum(line["quantity"] * line["cents"] for line in lines),
        "revision": 0,
    }
    if random.random() < 0.1:
        body["note"] = random.choice(["call first", "leave at the door", "fragile"])
    return body


def question(name: str, random: Random, cfg: Config) -> tuple[str, tuple[object, ...]]:
    """What a transaction asks: the statement and its values."""
    sku = random.randint(1, sku_count(cfg))
    match name:
        case "tag":
            return BY_TAG, (json.dumps({"tags": [random.choice(TAGS)]}),)
        case "sku":
            return BY_SKU, (json.dumps({"lines": [{"sku": sku}]}),)
        case "path":
            return BY_PATH, (f"$.lines[*] ? (@.sku == {sku} && @.quantity > 2)",)
        case "customer":
            return BY_CUSTOMER, (random.randint(1, customer_count(cfg)),)
        case "key":
            return BY_KEY, ()
    return CHANGE, (random.randint(1, order_count(cfg)), random.randint(1, 9))

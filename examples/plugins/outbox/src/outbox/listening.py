"""Relays that wait for a notification, as coroutines: they need a session of their own."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from outbox.tables import ADD, CLAIM, PRODUCTS, SEND, STEP, TELL, Outbox, baskets
from stormdb.plugin import Config, Context, Metrics

CHANNEL = "stormdb_outbox"
NOTIFY = "SELECT pg_notify($1, $2)"
POLL_S = 0.5


class Listening(Outbox):
    """Of each four workers, three add lines and the fourth is a relay until the load ends."""

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        if ctx.worker % 4 == 3:
            await self._relay(ctx, db, metrics)
        else:
            await self._add(ctx, db, cfg, metrics)

    async def _add(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        basket = ctx.random.randint(1, baskets(cfg))
        product = ctx.random.randint(1, PRODUCTS)
        async with (
            db.acquire() as connection,
            metrics.operation("add"),
            connection.transaction(),
        ):
            version = await connection.fetchval(STEP, basket)
            await connection.execute(ADD, basket, version, product)
            await connection.execute(TELL, basket, version, product)
            # Told when this commits, and only then; equal payloads of a transaction are told once.
            await connection.execute(NOTIFY, CHANNEL, str(basket))

    async def _relay(self, ctx: Context, db: asyncpg.Pool, metrics: Metrics) -> None:
        news = asyncio.Event()

        def wake(*_: object) -> None:
            news.set()

        async with db.acquire() as connection:
            await connection.add_listener(CHANNEL, wake)
            try:
                while not ctx.done:
                    news.clear()
                    while not ctx.done and await self._send(connection, metrics):
                        pass
                    # A notification is a hint and may be lost with its session; the table is not.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(news.wait(), POLL_S)
            finally:
                await connection.remove_listener(CHANNEL, wake)

    async def _send(self, connection: PoolConnectionProxy, metrics: Metrics) -> bool:
        """Relay what waits for one basket; tells whether there was one."""
        start = time.perf_counter()
        async with connection.transaction():
            basket = await connection.fetchval(CLAIM)
            if basket is None:
                return False
            (sent,) = await connection.fetch(SEND, basket)
        if sent["events"]:  # another relay may have been here since the claim looked
            metrics.record_operation(time.perf_counter() - start, name="relay")
            metrics.record("events_per_batch", sent["events"])
            metrics.record("delivery_latency_ms", sent["latency_ms"])
        return True

"""Relays that look again and again, as described transactions."""

from __future__ import annotations

from outbox.tables import ADD, CLAIM, PRODUCTS, SEND, STEP, TELL, Outbox, baskets
from stormdb.plugin import Config
from stormdb.workload import Tx, transaction, uniform


class Polling(Outbox):
    """Seven of ten transactions add a line, the others relay what waits for one basket."""

    @transaction(weight=7)
    def add(self, tx: Tx, cfg: Config) -> None:
        basket = tx.let("basket", uniform(1, baskets(cfg)))
        product = tx.let("product", uniform(1, PRODUCTS))
        with tx.block():
            version = tx.fetch_value(STEP, basket, label="step")
            tx.execute(ADD, basket, version, product, rows=1, label="add")
            tx.execute(TELL, basket, version, product, rows=1, label="tell")

    @transaction(weight=3)
    def relay(self, tx: Tx) -> None:
        with tx.block():
            basket = tx.fetch_value(CLAIM, rows=(0, 1), label="claim")
            with tx.when(~basket.is_null()):
                events, latency_ms = tx.fetch_row(SEND, basket, types=(int, float), label="send")
                tx.emit("events_per_batch", events)
                tx.emit("delivery_latency_ms", latency_ms)

"""The contract of every plugin, and what this one promises: each event once, and in order."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from outbox import PLUGIN
from outbox.tables import CLAIM

from stormdb.testing import PluginContract, Runner, ScratchDatabase

EVENTS = "each line has one event, and each event a line"
RECEIVED = "what was sent was received, once, and nothing else"
ORDER = "events of a basket were received in order"
SCHEMA = "stormdb_outbox"


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


@pytest.mark.parametrize("workload", PLUGIN.get_metadata().workload_types)
def test_events_are_received_once_and_in_order(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, workload: str
) -> None:
    run = stormdb_run(workload, duration="2s", workers=8, connections=8)
    assert run.failures == {}
    assert all(finding.ok for finding in run.findings.values())
    assert {row.name for row in run.summary.transactions} == {"add", "relay"}
    (row,) = stormdb_database.fetch(f"SELECT count(*) FROM {SCHEMA}.delivery")
    assert row["count"] > 0


@pytest.mark.parametrize(
    ("harm", "finding"),
    [
        (f"DELETE FROM {SCHEMA}.outbox WHERE (basket_id, version) = (1, 2)", EVENTS),
        (f"UPDATE {SCHEMA}.outbox SET sent_at = now() WHERE basket_id = 2", RECEIVED),
        (f"INSERT INTO {SCHEMA}.delivery (basket_id, version) VALUES (3, 2), (3, 1)", ORDER),
    ],
    ids=["lost", "not received", "out of order"],
)
def test_verify_sees_what_is_lost_or_out_of_order(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, harm: str, finding: str
) -> None:
    stormdb_run("outbox_polling", duration="100ms")
    make(stormdb_database)
    stormdb_database.fetch(harm)
    run = stormdb_run("outbox_polling", setup=False, duration="100ms", load={"think_time": "10s"})
    assert not run.findings[finding].ok


def make(database: ScratchDatabase) -> None:
    """Begin anew, with two events of each basket that nobody has sent."""
    for statement in (
        f"TRUNCATE {SCHEMA}.line, {SCHEMA}.outbox, {SCHEMA}.delivery",
        f"UPDATE {SCHEMA}.basket SET version = 2",
        f"INSERT INTO {SCHEMA}.line SELECT id, n, 1 FROM {SCHEMA}.basket, generate_series(1, 2) n",
        f"""INSERT INTO {SCHEMA}.outbox (basket_id, version, payload)
            SELECT basket_id, version, '{{}}' FROM {SCHEMA}.line""",
    ):
        database.fetch(statement)


def test_no_relay_passes_another_one_of_the_same_basket(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("outbox_polling", duration="100ms")
    make(stormdb_database)

    async def claims() -> list[int]:
        settings = {"search_path": SCHEMA}
        one, two = [
            await asyncpg.connect(stormdb_database.url, server_settings=settings) for _ in range(2)
        ]
        try:
            async with one.transaction(), two.transaction():
                return [await one.fetchval(CLAIM), await two.fetchval(CLAIM)]
        finally:
            await one.close()
            await two.close()

    first, second = asyncio.run(claims())
    assert first != second

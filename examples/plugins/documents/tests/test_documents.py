"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

import asyncio

import pytest
from documents import PLUGIN
from documents.workload import BY_CUSTOMER, BY_KEY, BY_SKU, CHANGE

from stormdb.testing import PluginContract, Run, Runner, ScratchDatabase

TOTALS = "each total is the sum of its lines"
CHANGES = "no change is lost: each order has the revision of its changes"
INDEX = "the index has the operator class that was asked for"
STILL = {"write_percent": 0}


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


def broken(run: Run) -> list[str]:
    """What `verify` found to be wrong."""
    return [name for name, finding in run.findings.items() if not finding.ok]


def test_verify_sees_a_total_that_is_no_sum(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    run = stormdb_run("documents", duration="200ms")
    assert all(finding.ok for finding in run.findings.values())
    stormdb_database.fetch(
        "UPDATE stormdb_documents.customer_order SET body = jsonb_set(body, '{total}', '1') "
        "WHERE id = 7"
    )
    run = stormdb_run("documents", setup=False, duration="200ms")
    assert broken(run) == [TOTALS]


def test_verify_sees_a_change_that_was_overwritten(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("documents", duration="200ms", workload_config=STILL)

    async def overwrite() -> None:
        """Read a document, let another session change it, write it back as a whole."""
        async with stormdb_database.connected() as one, stormdb_database.connected() as two:
            for connection in (one, two):
                await connection.execute("SET search_path = stormdb_documents")
            read = await one.fetchval("SELECT body FROM customer_order WHERE id = 7")
            await two.execute(CHANGE, 7, 9)
            await one.execute("UPDATE customer_order SET body = $1 WHERE id = 7", read)

    asyncio.run(overwrite())
    run = stormdb_run("documents", setup=False, duration="200ms", workload_config=STILL)
    assert broken(run) == [CHANGES]


def test_an_index_of_the_other_operator_class_is_not_taken_for_the_one_asked_for(
    stormdb_run: Runner,
) -> None:
    stormdb_run("documents", duration="200ms", workload_config=STILL)
    other = {**STILL, "operator_class": "jsonb_ops"}
    assert broken(stormdb_run("documents", duration="200ms", workload_config=other)) == [INDEX]


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_each_change_revises_an_order_once(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, executor: str
) -> None:
    run = stormdb_run("documents", executor=executor, workload_config={"write_percent": 100})
    (row,) = stormdb_database.fetch(
        "SELECT sum((body ->> 'revision')::bigint) AS changes FROM stormdb_documents.customer_order"
    )
    assert run.failures == {}
    # One that was given up at the end has changed its order or not.
    assert 0 < run.committed_count <= row["changes"] <= run.committed_count + run.unfinished_count


@pytest.mark.parametrize(
    ("operator_class", "can_find_keys"), [("jsonb_path_ops", False), ("jsonb_ops", True)]
)
def test_the_operator_class_decides_what_the_index_answers(
    stormdb_run: Runner,
    stormdb_database: ScratchDatabase,
    operator_class: str,
    can_find_keys: bool,
) -> None:
    stormdb_run("documents", duration="200ms", workload_config={"operator_class": operator_class})

    async def is_used(index: str, sql: str) -> bool:
        async with stormdb_database.connected() as connection:
            await connection.execute("SET search_path = stormdb_documents")
            await connection.execute("SET enable_seqscan = off")  # the table is small
            return any(index in row[0] for row in await connection.fetch(f"EXPLAIN {sql}"))

    sku = BY_SKU.replace("$1", """'{"lines": [{"sku": 1}]}'""")
    assert asyncio.run(is_used("customer_order_body", sku))
    assert asyncio.run(is_used("customer_order_body", BY_KEY)) == can_find_keys
    assert asyncio.run(is_used("customer_order_customer", BY_CUSTOMER.replace("$1", "1")))

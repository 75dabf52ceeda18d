"""The contract, and what is true of this plugin alone; a PostgreSQL is started for it."""

from __future__ import annotations

import asyncio

import pytest
from documents import PLUGIN
from documents.workload import BY_CUSTOMER, BY_KEY, BY_SKU

from stormdb.testing import PluginContract, Runner, ScratchDatabase


class TestContract(PluginContract):
    plugin = PLUGIN
    memory_s = 5  # instead of 20


def test_verify_sees_a_total_that_is_no_sum(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    run = stormdb_run("documents", duration="200ms")
    assert [finding.ok for finding in run.result.findings or ()] == [True, True]
    stormdb_database.fetch(
        "UPDATE stormdb_documents.customer_order SET body = jsonb_set(body, '{total}', '1') "
        "WHERE id = 7"
    )
    run = stormdb_run("documents", setup=False, duration="200ms")
    assert [finding.ok for finding in run.result.findings or ()] == [True, False]


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_each_change_revises_an_order_once(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, executor: str
) -> None:
    run = stormdb_run("documents", executor=executor, workload_config={"write_percent": 100})
    (row,) = stormdb_database.fetch(
        "SELECT sum((body ->> 'revision')::bigint) AS changes FROM stormdb_documents.customer_order"
    )
    assert row["changes"] == run.committed_count > 0


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

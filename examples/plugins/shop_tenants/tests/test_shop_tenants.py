"""The contract of every plugin, and what this one promises: no tenant sees another's rows."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from shop_tenants import PLUGIN
from shop_tenants.workload import ACT_FOR, BUY, ROLE, SCHEMA

from stormdb.testing import PluginContract, Runner, ScratchDatabase

APART = "each tenant sees all of its own rows, and no others"


class TestContract(PluginContract):
    plugin = PLUGIN
    allows_empty_reads = frozenset({"WHERE tenant_id = $1 AND id = $2"})  # another's: never seen
    memory_s = 5  # instead of 20


@pytest.mark.parametrize("executor", ["native", "coroutine"])
def test_tenants_stay_apart(stormdb_run: Runner, executor: str) -> None:
    run = stormdb_run("shop_tenants", executor=executor)
    assert run.failures == {}
    assert all(finding.ok for finding in run.findings.values())
    assert {row.name for row in run.summary.transactions} >= {"browse", "order"}


@pytest.mark.parametrize(
    "harm",
    [
        f"ALTER TABLE {SCHEMA}.purchase DISABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {SCHEMA}.product OWNER TO {ROLE}",
        f"CREATE POLICY sale ON {SCHEMA}.product FOR SELECT TO {ROLE} USING (id = 7)",
        f"DROP POLICY own_product ON {SCHEMA}.product",
    ],
    ids=["disabled", "owner", "leak", "nothing seen"],
)
def test_verify_sees_a_policy_that_does_not_hold(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, harm: str
) -> None:
    orders: dict[str, Any] = {"workload_config": {"order_percent": 90}, "duration": "500ms"}
    assert stormdb_run("shop_tenants", **orders).findings[APART].ok
    stormdb_database.fetch(harm)
    assert not stormdb_run("shop_tenants", setup=False, **orders).findings[APART].ok


def test_nobody_writes_for_another_tenant(
    stormdb_run: Runner, stormdb_database: ScratchDatabase
) -> None:
    stormdb_run("shop_tenants", duration="100ms")
    for_another = "INSERT INTO purchase (tenant_id, product_id, quantity) VALUES (2, 1, 1)"

    async def write(tenant: str, statement: str, *values: int) -> None:
        connection = await asyncpg.connect(
            stormdb_database.url, server_settings={"search_path": SCHEMA}
        )
        try:
            async with connection.transaction():
                await connection.execute(ACT_FOR, tenant)
                await connection.execute(statement, *values)
        finally:
            await connection.close()

    asyncio.run(write("2", BUY, 1, 1))
    for tenant in ("1", ""):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security policy"):
            asyncio.run(write(tenant, for_another))

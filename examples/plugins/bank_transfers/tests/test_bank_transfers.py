"""The contract of every plugin, and the sum of the accounts under each isolation level."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Literal

import asyncpg
import pytest
from bank_transfers import PLUGIN
from bank_transfers.workload import READ, SET

from stormdb.testing import PluginContract, Runner, ScratchDatabase

Isolation = Literal["read_committed", "repeatable_read"]
SCHEMA = "stormdb_bank_transfers"
SUM = "sum of the accounts"
BALANCES = "balances follow from the transfers"
RETRY = {"max_tries": 100, "backoff": "1ms"}
HOT: dict[str, Any] = {"retry": RETRY, "workers": 8, "connections": 8, "load": {}}


class TestContract(PluginContract):
    plugin = PLUGIN
    keys: ClassVar = {"retry": RETRY}


@pytest.mark.parametrize("workload", PLUGIN.get_metadata().workload_types)
def test_the_sum_holds_where_everybody_wants_the_same_accounts(
    stormdb_run: Runner, workload: str
) -> None:
    few: dict[str, Any] = {"workload_config": {"skew": 3}, **HOT}
    run = asyncio.run(
        stormdb_run.run(
            workload,
            during=lambda live: live.has_committed(least=500, limit_s=60),
            **{**few, "duration": "10m"},
        )
    )
    assert run.failures == {}
    assert run.committed_count >= 500
    retried_count = sum(row.retried_count for row in run.summary.transactions)
    assert (retried_count > 0) == (workload != "bank_read_committed")
    run = stormdb_run(workload, setup=False, **few)  # to its end, where it is verified
    assert run.failures == {}
    assert run.findings[SUM].ok
    assert run.findings[BALANCES].ok


@pytest.mark.parametrize("isolation", ["read_committed", "repeatable_read"])
def test_what_one_level_loses_the_other_refuses_and_verify_sees_it(
    stormdb_run: Runner, stormdb_database: ScratchDatabase, isolation: Isolation
) -> None:
    audits: dict[str, Any] = {"workload_config": {"audit_percent": 100}, "duration": "500ms"}
    stormdb_run("bank_serializable", **audits)

    async def two_at_once() -> None:
        settings = {"search_path": SCHEMA}
        one, two = [
            await asyncpg.connect(stormdb_database.url, server_settings=settings) for _ in range(2)
        ]
        try:
            async with one.transaction(isolation=isolation):
                cents = await one.fetchval(READ, 0)
                await two.execute(SET, 0, cents + 500)
                await two.execute(SET, 1, cents - 500)
                await one.execute(SET, 0, cents + 100)  # without a look at what two has done
                await one.execute(SET, 2, cents - 100)
        finally:
            await one.close()
            await two.close()

    if isolation == "repeatable_read":
        with pytest.raises(asyncpg.SerializationError):
            asyncio.run(two_at_once())
    else:
        asyncio.run(two_at_once())
    run = stormdb_run("bank_serializable", setup=False, **audits)
    assert run.findings[SUM].ok == (isolation == "repeatable_read")
    assert not run.findings[BALANCES].ok  # none of it was booked
    assert bool(run.failures) == (isolation == "read_committed")  # the audits see it too


def test_a_circle_of_locks_fails_no_transfer(stormdb_run: Runner) -> None:
    unordered = {"skew": 3, "in_order": False}
    run = stormdb_run("bank_read_committed", workload_config=unordered, **HOT)
    assert run.failures == {}
    assert run.findings[SUM].ok

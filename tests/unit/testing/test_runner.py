from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stormdb.errors import ConfigError
from stormdb.plugins.record import Kind, PluginRecord
from stormdb.testing.runner import LiveRun, Runner
from stormdb.testing.scratch import ScratchDatabase

RECORD = PluginRecord(name="ledger", kind=Kind.FILE, source="/x/ledger.py", digest="ab")
DATABASE = ScratchDatabase(keys={"type": "postgres", "host": "db.example", "dbname": "shop"})


def test_a_run_is_short_unless_it_is_told_otherwise() -> None:
    runner = Runner(RECORD, DATABASE, {"workers": 2})
    config = runner.config("ledger", duration="3s", executor="coroutine")
    assert (config.duration_ns, config.warm_up_ns) == (3_000_000_000, 0)
    assert (config.workers, config.connections, config.processes) == (2, 4, 1)
    assert config.database.dbname == "shop"


def test_a_key_that_is_not_known_is_told() -> None:
    with pytest.raises(ConfigError, match="duratoin"):
        Runner(RECORD, DATABASE).config("ledger", duratoin="3s")


def snapshot(start_ns: int, committed: int, **failed: int) -> Any:
    cell = SimpleNamespace(kind="transaction", committed=committed, failed=failed)
    return SimpleNamespace(
        first_interval=SimpleNamespace(start_ns=start_ns), row_totals=lambda: [cell]
    )


async def test_commits_count_from_a_time_on() -> None:
    live = LiveRun()
    live.load_started(cast("Any", SimpleNamespace(start_ns=1_000)))
    live.interval("shop", snapshot(0, 5))
    waiting = asyncio.ensure_future(live.has_committed(least=2, after_ns=1_100, limit_s=60))
    await asyncio.sleep(0)
    live.interval("shop", snapshot(100, 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    live.interval("shop", snapshot(200, 1))
    assert await waiting


async def test_what_does_not_come_is_told_when_the_limit_is_over() -> None:
    live = LiveRun()
    live.load_started(cast("Any", SimpleNamespace(start_ns=0)))
    live.interval("shop", snapshot(0, 0, **{"40001": 1}))
    assert not await live.has_committed(limit_s=0)
    assert await live.has_failed("40001", limit_s=60)
    assert not await live.has_failed("53100", limit_s=0)

"""Beginning and ending: early, orderly, and when there is nothing to begin with."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from stormdb.errors import ConnectError, PluginError
from tests.conftest import Database
from tests.it.executor.conftest import MS_NS, SECOND_NS, Loads, RunningLoad, constant, steady

READ = "await db.fetchval('SELECT 1')"


async def _stop_at_once(load: RunningLoad) -> None:
    await load.until(1)
    await load.stop()


@pytest.mark.parametrize("rate", [None, 100])
def test_a_stopped_load_ends_at_once_and_accounts_for_all(loads: Loads, rate: int | None) -> None:
    plan = steady(60, None if rate is None else constant(rate))
    outcome = loads.run(READ, plan, processes=2, during=_stop_at_once)
    assert outcome.total_ns < 1.9 * SECOND_NS
    counts = outcome.counts()
    assert counts["committed"] == counts["offered"] > 50
    assert outcome.end.problems == []


@pytest.mark.parametrize("rate", [None, 100])
def test_calls_that_do_not_end_are_unfinished_after_two_seconds(
    loads: Loads, database: Database, rate: int | None
) -> None:
    plan = steady(60, None if rate is None else constant(rate))
    outcome = loads.run(
        "await db.fetch('SELECT pg_sleep(30)')", plan, workers=3, during=_stop_at_once
    )
    assert 2.9 * SECOND_NS < outcome.total_ns < 4.5 * SECOND_NS
    assert outcome.counts()["unfinished"] == 3
    running = database.fetch(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stormdb' "
        "AND datname = current_database() AND state = 'active'"
    )
    assert running[0][0] == 0


def test_a_worker_that_thinks_is_woken_by_the_end(loads: Loads) -> None:
    outcome = loads.run(READ, steady(0.5), workers=2, think_time_ns=30 * SECOND_NS)
    assert outcome.counts()["committed"] == 2
    assert outcome.total_ns < 1.5 * SECOND_NS


def test_a_stop_before_the_start_offers_nothing(loads: Loads) -> None:
    async def stop(load: RunningLoad) -> None:
        await load.stop()

    outcome = loads.run(READ, steady(60, constant(1000)), processes=2, during=stop)
    assert outcome.counts()["offered"] <= 1
    assert outcome.total_ns < 1.5 * SECOND_NS


def test_a_server_that_is_not_there_is_a_connect_error(loads: Loads) -> None:
    with pytest.raises(ConnectError, match="cannot open 4 connections to the server"):
        loads.run(READ, steady(1), target=replace(loads.target, ports=(1,)))


def test_a_wrong_password_is_a_connect_error_without_the_password(loads: Loads) -> None:
    target = replace(loads.target, password="open-sesame")
    with pytest.raises(ConnectError, match="password authentication failed") as caught:
        loads.run(READ, steady(1), target=target, processes=2)
    assert "open-sesame" not in str(caught.value)


def test_too_many_connections_are_a_connect_error(loads: Loads) -> None:
    with pytest.raises(ConnectError, match="too many clients"):
        loads.run(READ, steady(1), workers=500)


def test_a_plugin_that_cannot_be_loaded_is_named(loads: Loads) -> None:
    spec = loads.spec(READ, steady(1))
    (loads.folder / "work.py").write_text("PLUGIN = 1 / 0\n")

    async def start() -> None:
        from stormdb.executor import CoroutineExecutor
        from tests.it.executor.conftest import Events

        async with CoroutineExecutor(spec, Events()) as executor:
            await executor.start()

    with pytest.raises(PluginError, match=r"work.py:1.*import raised ZeroDivisionError"):
        asyncio.run(start())


def test_what_plugin_code_logs_and_prints_is_heard(loads: Loads) -> None:
    outcome = loads.run(
        """
        if ctx.iteration == 0:
            ctx.log.warning('about to read')
            print('hello')
        await db.fetchval('SELECT 1')
        await asyncio.sleep(0.05)
        """,
        steady(0.3),
        workers=2,
        processes=2,
    )
    assert sorted(outcome.logs) == [
        "0 info stdout: hello",
        "0 warning stormdb.plugin.work: about to read",
        "1 info stdout: hello",
        "1 warning stormdb.plugin.work: about to read",
    ]


def test_no_process_is_left_behind(loads: Loads) -> None:
    import subprocess

    loads.run(READ, steady(0.2), processes=2, drain_ns=100 * MS_NS)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(loads.folder) not in listed.stdout

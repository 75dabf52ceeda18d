"""Lost connections, a restarted server, statements that take too long."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, Database, database_of
from tests.it.executor.conftest import (
    MS_NS,
    SECOND_NS,
    Loads,
    Outcome,
    RunningLoad,
    constant,
    steady,
    target_of,
)
from tests.support.ports import free_port

READ = "await db.fetchval('SELECT 1')"
CLASS_08_AND_SHUTDOWN = {"08001", "08003", "08006", "57P01", "57P02", "57P03"}


def _failed(outcome: Outcome) -> dict[str, int]:
    return dict(outcome.row().failed)


def test_a_statement_timeout_is_counted_by_its_sqlstate(loads: Loads) -> None:
    outcome = loads.run(
        "await db.fetch('SELECT pg_sleep(5)')",
        steady(1),
        workers=2,
        statement_timeout_ns=100 * MS_NS,
    )
    assert set(_failed(outcome)) == {"57014"}
    assert outcome.counts()["failed"] >= 10
    assert outcome.row().failed_service_time.quantile(0.5) == pytest.approx(100 * MS_NS, rel=0.3)
    assert outcome.end.problems == []


def test_the_session_has_schema_name_and_isolation(loads: Loads, database: Database) -> None:
    database.fetch("CREATE TABLE seen (name text, value text)")
    loads.run(
        """
        for name in ('search_path', 'application_name', 'transaction_isolation'):
            value = await db.fetchval(f'SHOW {name}')
            await db.execute('INSERT INTO public.seen VALUES ($1, $2)', name, value)
        """,
        steady(0.3),
        isolation="repeatable read",
    )
    assert dict(map(tuple, database.fetch("SELECT DISTINCT name, value FROM seen"))) == {
        "search_path": '"public", public',
        "application_name": "stormdb",
        "transaction_isolation": "repeatable read",
    }


@pytest.mark.parametrize("rate", [None, 200])
def test_terminated_sessions_are_counted_and_replaced(
    loads: Loads, database: Database, rate: int | None
) -> None:
    async def terminate(load: RunningLoad) -> None:
        await load.until(1)
        connection = await asyncpg.connect(database.dsn)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'stormdb' AND datname = current_database()"
        )
        await connection.close()

    plan = steady(3, None if rate is None else constant(rate))
    outcome = loads.run(READ, plan, workers=6, processes=2, during=terminate)
    counts, per_second = outcome.counts(), outcome.per_second()
    assert outcome.merged.counters["stormdb.connections_lost"] == 6
    # Those that were in use fail their calls; idle ones are replaced before anyone sees it.
    assert counts["failed"] <= 6
    assert set(_failed(outcome)) <= CLASS_08_AND_SHUTDOWN, outcome.merged.examples
    assert counts["unfinished"] == counts["dropped"] == 0
    (cell,) = per_second[2].row_totals()
    assert (cell.committed > 100, cell.failed) == (True, {})


def _restart(loads: Loads, data_folder: Path, rate: int | None, down_s: float) -> Outcome:
    """A run of 8 s; the server is down from 2 s on."""
    settings = FAST_SETTINGS | {"port": str(free_port())}
    first = EmbeddedServer(settings=settings, data_dir=data_folder / "data").start()

    async def restart(load: RunningLoad) -> None:
        await load.until(2)
        await asyncio.to_thread(first.stop)
        await load.until(2 + down_s)
        await asyncio.to_thread(second.start)

    second = EmbeddedServer(settings=settings, data_dir=data_folder / "data")
    try:
        return loads.run(
            READ,
            steady(8, None if rate is None else constant(rate)),
            workers=8,
            processes=2,
            max_queue=100,
            during=restart,
            target=target_of(database_of(first)),
        )
    finally:
        first.stop()
        second.stop()


def test_closed_loop_survives_a_restart_without_spinning(loads: Loads, data_folder: Path) -> None:
    outcome = _restart(loads, data_folder, None, down_s=2)
    counts, per_second = outcome.counts(), outcome.per_second()
    assert set(_failed(outcome)) <= CLASS_08_AND_SHUTDOWN, outcome.merged.examples
    # 8 connections, each tried after 50, 100, 200 … ms, then once per second.
    assert 8 <= counts["failed"] <= 8 * 12
    assert sum(cell.committed for cell in per_second[3].row_totals()) == 0
    assert sum(cell.committed for cell in per_second[7].row_totals()) > 100
    busy_ns = sum(gauges.cpu_ns for gauges in per_second[3].processes.values())
    assert busy_ns < 0.3 * SECOND_NS
    assert outcome.end.problems == []


def test_open_loop_accounts_for_every_arrival_of_an_outage(loads: Loads, data_folder: Path) -> None:
    outcome = _restart(loads, data_folder, 200, down_s=2)
    counts, per_second = outcome.counts(), outcome.per_second()
    assert counts["offered"] == 1600
    (phase,) = outcome.merged.identity()
    assert set(phase.dropped_by_reason) == {"queue_full"}
    assert counts["failed"] >= 8
    assert set(_failed(outcome)) <= CLASS_08_AND_SHUTDOWN, outcome.merged.examples
    assert sum(cell.committed for cell in per_second[3].row_totals()) == 0
    assert sum(cell.committed for cell in per_second[7].row_totals()) == pytest.approx(200, rel=0.1)
    assert outcome.merged.examples.keys() == _failed(outcome).keys()

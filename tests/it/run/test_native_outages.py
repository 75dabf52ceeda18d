"""Native runs against a server that stands still, restarts or throws sessions out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, Database, database_of
from tests.it.run.native import MS_NS, SECOND_NS, Ran, Watcher, run
from tests.support.freeze import frozen
from tests.support.ports import free_port

STALL_S = 2.0
RUN_S = 10
RATE = 500
CLASS_08_AND_SHUTDOWN = {"08001", "08003", "08006", "57P01", "57P02", "57P03"}


@pytest.fixture(scope="module")
def stalling_server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer(settings=FAST_SETTINGS) as started:
        yield started


def _run_with_stall(server: EmbeddedServer, **keys: object) -> Ran:
    async def stall(watcher: Watcher) -> None:
        await watcher.until(4)
        with frozen(server.pid):
            await watcher.until(4 + STALL_S)

    return run(
        database_of(server),
        "look",
        during=stall,
        duration=f"{RUN_S}s",
        workers=16,
        threads=2,
        seed=3,
        **keys,
    )


@pytest.mark.parametrize("arrival", ["constant", "poisson"])
def test_a_stall_is_in_the_response_time_and_not_in_the_service_time(
    stalling_server: EmbeddedServer, arrival: str
) -> None:
    ran = _run_with_stall(stalling_server, load__arrival=arrival, load__rate=f"{RATE}/s")
    row, counts = ran.row("look"), ran.counts()
    # No arrival is lost: each has been offered, and has been served.
    assert counts["committed"] == counts["offered"]
    assert counts["offered"] == pytest.approx(RUN_S * RATE, rel=0 if arrival == "constant" else 0.1)
    # A fifth of the arrivals came during the stall, and waited 1 s on average: of all arrivals
    # one in a hundred waited longer than 1.9 s.
    assert row.response_time.quantile(0.99) == pytest.approx(1.9 * SECOND_NS, rel=0.06)
    assert row.response_time.quantile(0.9) == pytest.approx(1.0 * SECOND_NS, rel=0.15)
    assert row.response_time.max_ns == pytest.approx(STALL_S * SECOND_NS, rel=0.1)
    # The service time knows of it in those only that were under way: 16 of 5000.
    assert row.service_time.quantile(0.5) < 20 * MS_NS
    assert row.service_time.quantile(0.95) < 100 * MS_NS
    long = row.service_time.count - row.service_time.count_at_or_below(SECOND_NS)
    assert 1 <= long <= 16
    committed = ran.committed_per_second()
    assert committed[5] == 0
    assert committed[6] == pytest.approx(3 * RATE, rel=0.2)


def test_closed_loop_shows_a_stall_in_its_longest_service_times_only(
    stalling_server: EmbeddedServer,
) -> None:
    ran = _run_with_stall(stalling_server, load__think_time="20ms")
    row, counts = ran.row("look"), ran.counts()
    assert counts["committed"] == counts["offered"] > 2000
    assert row.response_time.count == 0
    assert row.service_time.quantile(0.99) < 100 * MS_NS
    assert row.service_time.max_ns == pytest.approx(STALL_S * SECOND_NS, rel=0.1)
    long = row.service_time.count - row.service_time.count_at_or_below(SECOND_NS)
    assert 1 <= long <= 16


def _run_with_restart(data_folder: Path, **keys: object) -> Ran:
    """A run of 8 s; the server is down from 2 s to 4 s."""
    settings = FAST_SETTINGS | {"port": str(free_port())}
    first = EmbeddedServer(settings=settings, data_dir=data_folder / "data").start()
    second = EmbeddedServer(settings=settings, data_dir=data_folder / "data")

    async def restart(watcher: Watcher) -> None:
        await watcher.until(2)
        await asyncio.to_thread(first.stop)
        await watcher.until(4)
        await asyncio.to_thread(second.start)

    try:
        return run(
            database_of(first),
            "look",
            during=restart,
            duration="8s",
            workers=8,
            threads=2,
            **keys,
        )
    finally:
        first.stop()
        second.stop()


def test_closed_loop_survives_a_restart(data_folder: Path) -> None:
    ran = _run_with_restart(data_folder)
    counts, committed = ran.counts(), ran.committed_per_second()
    # Each connection fails what it was doing; nothing is started without one.
    assert set(ran.row("look").failed) <= CLASS_08_AND_SHUTDOWN, ran.whole.examples
    assert 1 <= counts["failed"] <= 16
    assert committed[3] == 0
    assert committed[7] > 100
    assert ran.result.problem == ""


def test_open_loop_accounts_for_every_arrival_of_an_outage(data_folder: Path) -> None:
    ran = _run_with_restart(data_folder, load__rate="200/s", load__max_queue=100)
    counts, committed = ran.counts(), ran.committed_per_second()
    assert counts["offered"] == 1600
    # While there is no connection 100 wait, and the others are dropped: 300 of the 2 s that the
    # server is down, more until it has started and each thread has tried again.
    assert set(ran.summary.drops) == {"no_connection"}
    assert 250 <= ran.summary.drops["no_connection"] <= 800
    assert set(ran.row("look").failed) <= CLASS_08_AND_SHUTDOWN, ran.whole.examples
    assert committed[3] == 0
    assert committed[7] == pytest.approx(200, rel=0.1)
    assert ran.result.problem == ""


@pytest.mark.parametrize("rate", [None, "200/s"])
def test_terminated_sessions_are_counted_and_replaced(database: Database, rate: str | None) -> None:
    async def terminate(watcher: Watcher) -> None:
        await watcher.until(1)
        connection = await asyncpg.connect(database.dsn)
        # Not the controller's own, which holds the lock on the schema.
        killed = await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = 'stormdb' AND datname = current_database() "
            "AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
        )
        assert killed == 6
        await connection.close()

    keys = {} if rate is None else {"load__rate": rate}
    ran = run(database, "look", during=terminate, duration="3s", workers=6, threads=2, **keys)
    counts = ran.counts()
    # Those that were in use fail; idle ones are replaced before anyone sees it.
    assert counts["failed"] <= 6
    assert set(ran.row("look").failed if counts["failed"] else ()) <= CLASS_08_AND_SHUTDOWN
    assert counts["unfinished"] == 0
    assert ran.committed_per_second()[2] > 100

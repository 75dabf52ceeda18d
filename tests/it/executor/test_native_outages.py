"""The native executor when its server restarts, ends sessions, or is still busy at the end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from stormdb._native import IntervalSnapshot
from stormdb.executor.native import NativeExecutor
from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, Database, database_of
from tests.it.executor.conftest import (
    MS_NS,
    SECOND_NS,
    Loads,
    Outcome,
    constant,
    steady,
    target_of,
)
from tests.support.native import run_native, statements
from tests.support.ports import free_port

READ = statements("SELECT 1")
LONGEST_S = 30
CLASS_08_AND_SHUTDOWN = {"08001", "08003", "08006", "57P01", "57P02", "57P03"}


@pytest.mark.parametrize("transient_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("rate", [None, 200])
def test_a_restart_is_survived_and_accounted_for(
    loads: Loads, data_folder: Path, rate: int | None, transient_ratio: float
) -> None:
    outcome, lasted_s = _restart(loads, data_folder, rate, transient_ratio)
    counts = outcome.counts()
    assert set(outcome.row().failed) <= CLASS_08_AND_SHUTDOWN, outcome.merged.examples
    if rate is not None:
        assert rate * (lasted_s - 1) <= counts["offered"] <= rate * (lasted_s + 1)
    assert _has_come_back(outcome.snapshots)
    assert outcome.end.problems == []


def _has_come_back(snapshots: Sequence[IntervalSnapshot]) -> bool:
    """True if a whole second without a commit is followed by one with many."""
    committed = Counter[int]()
    for snapshot in snapshots:
        cells = snapshot.row_totals()
        committed[snapshot.interval_index] += sum(cell.committed for cell in cells)
    silent = [second for second, count in committed.items() if count == 0]
    return any(
        count > 50 and second > min(silent, default=second) for second, count in committed.items()
    )


def _restart(
    loads: Loads, data_folder: Path, rate: int | None, transient_ratio: float
) -> tuple[Outcome, float]:
    """A run whose server goes away for 2 s, and how long it lasted: until all is well again."""
    settings = FAST_SETTINGS | {"port": str(free_port())}
    first = EmbeddedServer(settings=settings, data_dir=data_folder / "data").start()
    second = EmbeddedServer(settings=settings, data_dir=data_folder / "data")
    taken: list[IntervalSnapshot] = []
    lasted_s = 0.0

    async def restart(executor: NativeExecutor) -> None:
        nonlocal lasted_s
        begun_s = time.monotonic()
        await asyncio.sleep(1)
        await asyncio.to_thread(first.stop)
        await asyncio.sleep(2.1)  # wherever the run's seconds begin, one of them is in it
        await asyncio.to_thread(second.start)
        while not _has_come_back(taken) and lasted_s < LONGEST_S:
            await asyncio.sleep(0.05)
            taken.extend(executor.poll())
            lasted_s = time.monotonic() - begun_s
        await executor.stop()

    spec = loads.spec(
        "pass",
        steady(2 * LONGEST_S, None if rate is None else constant(rate)),
        workers=8,
        threads=2,
        max_queue=100,
        transient_ratio=transient_ratio,
        target=target_of(database_of(first)),
    )
    try:
        outcome = asyncio.run(run_native(spec, READ, restart))
        return replace(outcome, snapshots=[*taken, *outcome.snapshots]), lasted_s
    finally:
        first.stop()
        second.stop()


@pytest.mark.parametrize("rate", [None, 200])
def test_sessions_that_were_ended_are_replaced(
    loads: Loads, database: Database, rate: int | None
) -> None:
    async def terminate(_: NativeExecutor) -> None:
        await asyncio.sleep(1)
        connection = await asyncpg.connect(database.dsn)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'stormdb' AND datname = current_database()"
        )
        await connection.close()

    plan = steady(3, None if rate is None else constant(rate))
    spec = loads.spec("pass", plan, workers=6, threads=2)
    outcome = asyncio.run(run_native(spec, READ, terminate))
    counts = outcome.counts()
    assert outcome.merged.counters["stormdb.connections_lost"] == 6
    assert counts["failed"] <= 6
    assert set(outcome.row().failed) <= CLASS_08_AND_SHUTDOWN, outcome.merged.examples
    assert counts["unfinished"] == counts["dropped"] == 0
    (cell,) = outcome.per_second()[2].row_totals(None)[:1]
    assert cell.committed > 100


@pytest.mark.parametrize("transient_ratio", [0.0, 1.0])
def test_what_still_runs_at_the_end_of_the_drain_is_cancelled(
    loads: Loads, database: Database, transient_ratio: float
) -> None:
    spec = loads.spec(
        "pass", steady(0.5), workers=3, drain_ns=100 * MS_NS, transient_ratio=transient_ratio
    )
    outcome = asyncio.run(run_native(spec, statements("SELECT pg_sleep(100)")))
    assert outcome.counts()["unfinished"] == 3
    # A backend that was cancelled needs a moment to go.
    _await_busy(database, 0)


async def test_what_runs_when_the_load_is_abandoned_is_cancelled(
    loads: Loads, database: Database
) -> None:
    spec = loads.spec("pass", steady(60), workers=3, drain_ns=60 * SECOND_NS)
    async with NativeExecutor(spec, statements("SELECT pg_sleep(100)")) as executor:
        await executor.start()
        await executor.go(time.monotonic_ns())
        await asyncio.to_thread(_await_busy, database, 3)
    await asyncio.to_thread(_await_busy, database, 0)


def _await_busy(database: Database, count: int) -> None:
    """Wait until so many statements sleep in the server."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(100)%'"
    give_up_s = time.monotonic() + LONGEST_S
    while (found := database.fetch(f"{busy} AND pid <> pg_backend_pid()")[0][0]) != count:
        assert time.monotonic() < give_up_s, f"{found} statements run, not {count}"

"""What the native executor says of a server that stalls, cuts, fails or hesitates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stormdb._native import NullServer, Plan, Rate
from stormdb.config import ConnectTarget
from stormdb.errors import ConnectError
from stormdb.executor.native import NativeExecutor
from tests.it.executor.conftest import MS_NS, SECOND_NS, Loads, Outcome, constant, steady
from tests.support.native import run_native, statements

READ = statements("SELECT 1")


@contextmanager
def serving(**script: Any) -> Iterator[NullServer]:
    server = NullServer(**script)
    try:
        yield server
    finally:
        server.stop()


def target_of(server: NullServer, **options: Any) -> ConnectTarget:
    return ConnectTarget(
        hosts=("127.0.0.1",), ports=(server.port,), user="me", dbname="mine", **options
    )


async def run(
    loads: Loads, server: NullServer, plan: Plan, code: bytes = READ, **options: Any
) -> Outcome:
    during = options.pop("during", None)
    target = options.pop("target", None) or target_of(server)
    return await run_native(loads.spec("pass", plan, target=target, **options), code, during)


STALL_NS = 2 * SECOND_NS


@pytest.mark.parametrize("io", ["uring", "poll"])
@pytest.mark.parametrize("arrival", ["constant", "poisson"])
async def test_a_stall_shows_in_the_response_time_of_all_that_was_due(
    loads: Loads, arrival: str, io: str
) -> None:
    """An open loop goes on offering: whoever was due during the stall has felt it."""
    with serving() as server:

        async def stall(_: NativeExecutor) -> None:
            await asyncio.sleep(1.1)
            server.stall(STALL_NS)

        options = {"arrival": arrival} | ({"seed": 1} if arrival == "poisson" else {})
        plan = steady(5, constant(1000), **options)
        outcome = await run(loads, server, plan, workers=4, during=stall, io=io)
    counts, row = outcome.counts(), outcome.row()
    assert counts["committed"] == counts["offered"]
    assert counts["offered"] == pytest.approx(5000, rel=0.06)
    # 2 of 5 seconds: the median of those that were due then waited for a second.
    above = counts["committed"] - row.response_time.count_at_or_below(SECOND_NS)
    assert above == pytest.approx(1000, rel=0.15)
    assert row.response_time.quantile(1.0) == pytest.approx(STALL_NS, rel=0.1)
    # The server took long for those only that it had.
    slow = counts["committed"] - row.service_time.count_at_or_below(SECOND_NS)
    assert slow <= 4
    assert row.service_time.quantile(0.99) < 100 * MS_NS
    assert row.schedule_lag.quantile(0.8) > SECOND_NS // 2


async def test_a_stall_of_a_closed_loop_is_in_the_service_time_of_the_few_that_it_caught(
    loads: Loads,
) -> None:
    with serving() as server:

        async def stall(_: NativeExecutor) -> None:
            await asyncio.sleep(0.6)
            server.stall(STALL_NS)

        outcome = await run(loads, server, steady(4), workers=4, during=stall)
    counts, row = outcome.counts(), outcome.row()
    assert counts["committed"] - row.service_time.count_at_or_below(SECOND_NS) == 4
    assert row.response_time.count == row.schedule_lag.count == 0


@pytest.mark.parametrize("protocol", ["prepared", "extended", "simple"])
async def test_answers_that_come_byte_by_byte(loads: Loads, protocol: str) -> None:
    with serving(is_trickling=True) as server:
        outcome = await run(loads, server, steady(0.5), protocol=protocol)
    counts = outcome.counts()
    assert counts["committed"] > 5
    assert counts["failed"] == 0


@pytest.mark.parametrize("rate", [None, 500])
async def test_a_cut_in_the_middle_of_an_answer_fails_one_transaction(
    loads: Loads, rate: int | None
) -> None:
    plan = steady(2, None if rate is None else constant(rate))
    with serving(cut_every=100) as server:
        outcome = await run(loads, server, plan, workers=8)
    counts = outcome.counts()
    lost = outcome.merged.counters["stormdb.connections_lost"]
    assert dict(outcome.row().failed) == {"08006": lost}
    assert counts["failed"] == lost > 0
    assert counts["committed"] > 90 * lost
    if rate is not None:
        assert counts["offered"] == 1000


async def test_a_storm_of_errors_is_counted_by_code(loads: Loads) -> None:
    with serving(error_every=3, error_code="53100") as server:
        outcome = await run(loads, server, steady(0.5), workers=4)
    counts = outcome.counts()
    assert dict(outcome.row().failed) == {"53100": counts["failed"]}
    assert counts["failed"] == pytest.approx(counts["committed"] / 2, abs=4)
    assert outcome.merged.examples["53100"] == "scripted error"
    assert "stormdb.connections_lost" not in outcome.merged.counters


async def test_a_start_up_that_takes_long_is_waited_for(loads: Loads) -> None:
    with serving(startup_delay_ns=700 * MS_NS) as server:
        outcome = await run(loads, server, steady(0.2))
        assert outcome.counts()["failed"] == 0
        with pytest.raises(ConnectError, match="no answer within 300ms"):
            await run(
                loads,
                server,
                steady(0.2),
                target=target_of(server, connect_timeout_ns=300 * MS_NS),
            )


async def test_a_start_up_that_takes_long_is_part_of_a_transient_transaction(loads: Loads) -> None:
    with serving(startup_delay_ns=100 * MS_NS) as server:
        outcome = await run(loads, server, steady(1), workers=4, transient_ratio=1.0)
    row, values = outcome.row(), outcome.merged.values
    assert row.service_time.quantile(0.5) == pytest.approx(100 * MS_NS, rel=0.3)
    assert values["stormdb.connect_authentication_ns"].quantile(0.5) == pytest.approx(
        100 * MS_NS, rel=0.3
    )
    assert values["stormdb.connect_tcp_ns"].quantile(0.5) < 50 * MS_NS


async def test_an_older_server_is_asked_whether_it_will_do(loads: Loads) -> None:
    wanted = "it is not a server that takes writes"
    for answers, is_accepted in ((["f", "f"], True), (["t", "t"], False)):
        rules = [("pg_is_in_recovery", answers)]
        with serving(is_state_reported=False, rules=rules) as server:
            target = target_of(server, target_session_attrs="read-write")
            if is_accepted:
                outcome = await run(loads, server, steady(0.2), target=target)
                assert outcome.counts()["failed"] == 0
            else:
                with pytest.raises(ConnectError, match=wanted):
                    await run(loads, server, steady(0.2), target=target)


async def test_late_arrivals_are_dropped_where_that_is_wanted(loads: Loads) -> None:
    with serving() as server:

        async def stall(_: NativeExecutor) -> None:
            await asyncio.sleep(0.6)
            server.stall(SECOND_NS)

        plan = steady(3, constant(200))
        outcome = await run(loads, server, plan, workers=2, during=stall, max_lag_ns=100 * MS_NS)
    (phase,) = outcome.merged.identity()
    assert outcome.counts()["offered"] == 600
    assert phase.dropped_by_reason["too_late"] == pytest.approx(180, rel=0.15)
    assert outcome.row().schedule_lag.quantile(1.0) < 130 * MS_NS


async def test_arrivals_that_no_connection_could_take_say_so(loads: Loads) -> None:
    server = NullServer()
    port = server.port

    async def vanish(_: NativeExecutor) -> None:
        await asyncio.sleep(0.6)
        await asyncio.to_thread(server.stop)

    target = ConnectTarget(hosts=("127.0.0.1",), ports=(port,), user="me", dbname="mine")
    spec = loads.spec("pass", steady(2, constant(500)), target=target, workers=2, max_queue=50)
    outcome = await run_native(spec, READ, vanish)
    counts = outcome.counts()
    (phase,) = outcome.merged.identity()
    assert counts["offered"] == 1000
    assert set(phase.dropped_by_reason) == {"no_connection"}
    assert counts["failed"] <= 2


@pytest.mark.parametrize("transient_ratio", [0.0, 1.0])
async def test_workers_do_not_spin_while_nothing_listens(
    loads: Loads, transient_ratio: float
) -> None:
    server = NullServer()
    target = target_of(server)

    async def vanish(_: NativeExecutor) -> None:
        await asyncio.sleep(0.6)
        await asyncio.to_thread(server.stop)

    spec = loads.spec("pass", steady(4), target=target, transient_ratio=transient_ratio)
    outcome = await run_native(spec, READ, vanish)
    third = outcome.per_second()[2]
    assert sum(gauges.cpu_ns for gauges in third.processes.values()) < 0.1 * SECOND_NS
    assert sum(sum(cell.failed.values()) for cell in third.row_totals()) <= 4 * 20
    assert set(outcome.row().failed) <= {"08001", "08006"}


async def test_statements_that_outlast_the_drain_are_cancelled(loads: Loads) -> None:
    with serving() as server:

        async def stall(_: NativeExecutor) -> None:
            await asyncio.sleep(0.3)
            server.stall(60 * SECOND_NS)

        begun_ns = time.monotonic_ns()
        plan = steady(0.5)
        outcome = await run(
            loads, server, plan, workers=3, during=stall, drain_ns=100 * MS_NS, transient_ratio=0.0
        )
        assert outcome.counts()["unfinished"] == 3
    assert time.monotonic_ns() - begun_ns < 10 * SECOND_NS


def test_rates_are_kept_while_the_machine_allows_it(loads: Loads) -> None:
    """Gauges of each second: a thread that does little is not busy."""
    with serving() as server:
        plan = steady(3, Rate.hold(200 * 10**6))
        outcome = asyncio.run(run(loads, server, plan, workers=4))
    second = outcome.per_second()[1]
    (gauges,) = second.processes.values()
    assert 0 < gauges.cpu_ns < 0.5 * SECOND_NS
    assert gauges.rss_bytes > 10**6

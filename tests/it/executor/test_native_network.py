"""What the native executor says of a server that is reached by a bad network."""

from __future__ import annotations

import pytest

from stormdb._native import NullServer
from stormdb.config import ConnectTarget
from tests.it.executor.conftest import MS_NS, Loads, Outcome, constant, steady
from tests.support.native import run_native, statements
from tests.support.slow_proxy import Way, slow_proxy

READ = statements("SELECT 1")
LONG = 512 * 1024
WRITE = statements(f"INSERT INTO t VALUES ('{'x' * LONG}')")


async def run(
    loads: Loads,
    seconds: float,
    *,
    code: bytes = READ,
    there: Way | None = None,
    back: Way | None = None,
    rate: int | None = None,
    **options: object,
) -> Outcome:
    """A load that goes through the proxy; its identity is checked by `Outcome.counts`."""
    server = NullServer()
    try:
        async with slow_proxy(server.port, there=there, back=back) as port:
            target = ConnectTarget(
                hosts=("127.0.0.1",), ports=(port,), user="me", dbname="mine", sslmode="disable"
            )
            plan = steady(seconds, None if rate is None else constant(rate))
            spec = loads.spec("pass", plan, target=target, **options)  # type: ignore[arg-type]
            return await run_native(spec, code)
    finally:
        server.stop()


@pytest.mark.parametrize("io", ["uring", "poll"])
async def test_a_server_that_reads_slowly_is_slow_for_its_client_only(
    loads: Loads, io: str
) -> None:
    """Statements that do not fit into the socket's buffers leave as the server takes them."""
    slowly = Way(piece_bytes=4096, pause_s=0.001)
    outcome = await run(
        loads, 1.5, code=WRITE, there=slowly, workers=2, protocol="simple", io=io, drain_ns=10**10
    )
    counts = outcome.counts()
    assert counts["failed"] == 0
    assert counts["committed"] >= 2
    # 128 pieces, 1 ms and more apart, but for those that the buffers hold.
    assert outcome.row().service_time.quantile(0.5) > 50 * MS_NS
    (gauges,) = outcome.per_second()[0].processes.values()
    assert gauges.cpu_ns < 0.5 * 10**9  # it waits for room, it does not spin


@pytest.mark.parametrize("io", ["uring", "poll"])
@pytest.mark.parametrize("piece_bytes", [1, 3, 7])
async def test_messages_that_come_in_pieces_are_put_together(
    loads: Loads, io: str, piece_bytes: int
) -> None:
    slowly = Way(piece_bytes=piece_bytes, pause_s=0.0005)
    outcome = await run(loads, 1.5, back=slowly, workers=4, io=io)
    counts = outcome.counts()
    assert counts["failed"] == 0
    assert counts["committed"] > 8


@pytest.mark.parametrize("rate", [None, 200])
@pytest.mark.parametrize("more_bytes", [1, 4, 5, 17, 33])
async def test_a_cut_at_any_byte_of_an_answer_fails_what_was_under_way(
    loads: Loads, more_bytes: int, rate: int | None
) -> None:
    welcome_and_prepared_bytes = 600
    cut = Way(cut_after_bytes=welcome_and_prepared_bytes + more_bytes)
    outcome = await run(loads, 1, back=cut, rate=rate, workers=4)
    counts = outcome.counts()
    lost = outcome.merged.counters["stormdb.connections_lost"]
    assert lost >= 4
    assert counts["committed"] > lost
    # A connection that is cut while it makes itself ready, or between two transactions, fails none.
    assert set(outcome.row().failed) <= {"08006"}
    assert 0 < counts["failed"] <= lost
    if rate is not None:
        assert counts["offered"] == rate


async def test_a_cut_in_the_middle_of_what_the_client_sends_fails_it(loads: Loads) -> None:
    cut = Way(cut_after_bytes=LONG + LONG // 2)
    outcome = await run(loads, 1, code=WRITE, there=cut, workers=2, protocol="simple")
    counts = outcome.counts()
    assert counts["failed"] > 0
    assert dict(outcome.row().failed) == {"08006": counts["failed"]}
    assert counts["committed"] > 0

"""Arrivals: each is offered once, at its intended start, and given, queued or dropped.

The start of the run lies in the past, so that everything is due, or so far ahead that nothing is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormdb._native import Phase, PhaseIdentity, Plan, Rate, Recorder, Schedule
from stormdb.executor.alarm import Alarm
from stormdb.executor.arrivals import Arrivals, Call, ClosedLoop, OpenLoop

SECOND_NS = 10**9


async def following(arrivals: Arrivals) -> Call | None:
    """As a worker asks for its next call."""
    return arrivals.take(time.monotonic_ns()) or await arrivals.wait()


@pytest.fixture
async def alarm() -> AsyncIterator[Alarm]:
    alarm = Alarm(asyncio.get_running_loop())
    yield alarm
    alarm.close()


class Arriving:
    """An open loop of 1 s and so many arrivals."""

    def __init__(
        self, alarm: Alarm, count: int, *, age_s: float = 2, capacity: int = 10**6
    ) -> None:
        self.plan = Plan([Phase("steady", "steady", SECOND_NS, Rate.hold(count * 10**6))])
        self.recorder = Recorder(self.plan)
        self.start_ns = time.monotonic_ns() - int(age_s * SECOND_NS)
        self.loop = OpenLoop(
            Schedule(self.plan),
            self.recorder,
            alarm,
            start_ns=self.start_ns,
            capacity=capacity,
        )

    def identity(self) -> PhaseIdentity:
        total, *rest = self.recorder.finish(time.monotonic_ns() - self.start_ns)
        for snapshot in rest:
            total.merge(snapshot)
        (identity,) = total.identity()
        return identity


async def test_open_every_arrival_is_given_once_and_in_order(alarm: Alarm) -> None:
    arriving = Arriving(alarm, 25_000)
    calls = []
    while (call := await following(arriving.loop)) is not None:
        calls.append(call)
    assert [index for index, _, _ in calls] == list(range(25_000))
    assert [intended_ns for _, _, intended_ns in calls] == [
        intended_ns for _, intended_ns, _ in Schedule(arriving.plan)
    ]
    assert arriving.identity().offered == 25_000


async def test_open_the_stream_is_that_of_the_arrival(alarm: Alarm) -> None:
    arriving = Arriving(alarm, 100)
    for index in range(100):
        call = await following(arriving.loop)
        assert call is not None
        assert call[:2] == (index, index)


async def test_open_what_the_queue_cannot_hold_is_dropped_at_its_intended_start(
    alarm: Alarm,
) -> None:
    arriving = Arriving(alarm, 100, capacity=10)
    arriving.loop.offer_due()
    calls = [call async for call in _rest(arriving.loop)]
    assert [index for index, _, _ in calls] == list(range(10))
    identity = arriving.identity()
    assert (identity.offered, identity.dropped_by_reason) == (100, {"queue_full": 90})


async def test_open_what_no_worker_took_is_dropped_at_the_end(alarm: Alarm) -> None:
    arriving = Arriving(alarm, 100, capacity=10)
    arriving.loop.close()
    assert (await following(arriving.loop)) is not None
    arriving.loop.drop_queued()
    assert await following(arriving.loop) is None
    assert arriving.identity().dropped_by_reason == {"queue_full": 90, "run_ended": 9}


async def test_open_nothing_is_given_before_it_is_due(alarm: Alarm) -> None:
    arriving = Arriving(alarm, 100, age_s=-1000)
    waiting = [asyncio.ensure_future(following(arriving.loop)) for _ in range(3)]
    await asyncio.sleep(0)
    arriving.loop.offer_due()
    await asyncio.sleep(0)
    assert not any(turn.done() for turn in waiting)
    arriving.loop.close()
    assert await asyncio.gather(*waiting) == [None, None, None]


async def test_open_idle_workers_are_woken_in_turn(alarm: Alarm) -> None:
    arriving = Arriving(alarm, 1000, age_s=-0.01)
    waiting = [asyncio.ensure_future(following(arriving.loop)) for _ in range(3)]
    calls = await asyncio.wait_for(asyncio.gather(*waiting), 10)
    assert [call[0] for call in calls if call] == [0, 1, 2]
    now_ns = time.monotonic_ns() - arriving.start_ns
    assert all(call[2] is not None and call[2] <= now_ns for call in calls if call)


async def test_open_an_arrival_given_to_a_cancelled_worker_is_not_lost(alarm: Alarm) -> None:
    arriving = Arriving(alarm, 1000, age_s=-1000)
    first = asyncio.ensure_future(following(arriving.loop))
    await asyncio.sleep(0)
    arriving.loop._start_ns = arriving.start_ns = time.monotonic_ns()
    arriving.loop.offer_due()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    call = await following(arriving.loop)
    assert call is not None
    assert call[0] == 0


@settings(max_examples=50, deadline=None)
@given(count=st.integers(1, 300), capacity=st.integers(0, 50), taken=st.integers(0, 100))
def test_open_the_identity_holds_whatever_is_taken(count: int, capacity: int, taken: int) -> None:
    async def run() -> None:
        alarm = Alarm(asyncio.get_running_loop())
        arriving = Arriving(alarm, count, capacity=capacity)
        arriving.loop.close()
        for _ in range(taken):
            if (call := await following(arriving.loop)) is not None:
                assert call[2] is not None
                arriving.recorder.unfinished(call[2])
        arriving.loop.drop_queued()
        identity = arriving.identity()
        assert identity.holds
        assert identity.offered == count
        assert identity.unfinished == min(taken, count, capacity)
        alarm.close()

    asyncio.run(run())


async def _rest(loop: OpenLoop) -> AsyncIterator[tuple[int, int, int | None]]:
    while (call := await following(loop)) is not None:
        yield call


def _closed(alarm: Alarm, *, end_s: float = 1000, think_ns: int = 0, **options: bool) -> ClosedLoop:
    return ClosedLoop(
        alarm,
        end_ns=time.monotonic_ns() + int(end_s * SECOND_NS),
        seed=3,
        think_time_ns=think_ns,
        is_exponential=options.get("is_exponential", False),
    )


async def test_closed_each_worker_counts_its_own_calls(alarm: Alarm) -> None:
    loop = _closed(alarm)
    clients = [loop.client(worker) for worker in range(3)]
    calls = [await following(client) for client in clients for _ in range(4)]
    assert [call[0] for call in calls if call] == [0, 1, 2, 3] * 3
    assert len({call[1] for call in calls if call}) == 12
    assert all(call[2] is None for call in calls if call)


async def test_closed_no_call_starts_after_the_end(alarm: Alarm) -> None:
    assert await following(_closed(alarm, end_s=-1).client(0)) is None
    loop = _closed(alarm)
    loop.close()
    assert await following(loop.client(0)) is None


async def test_closed_the_first_call_does_not_think(alarm: Alarm) -> None:
    client = _closed(alarm, think_ns=1000 * SECOND_NS).client(0)
    assert await asyncio.wait_for(following(client), 10) is not None


async def test_closed_a_worker_that_thinks_is_woken_by_the_end(alarm: Alarm) -> None:
    loop = _closed(alarm, think_ns=1000 * SECOND_NS)
    client = loop.client(0)
    await following(client)
    thinking = asyncio.ensure_future(following(client))
    await asyncio.sleep(0)
    assert not thinking.done()
    loop.close()
    assert await asyncio.wait_for(thinking, 10) is None


async def test_closed_the_pause_is_never_shorter_than_drawn(alarm: Alarm) -> None:
    client = _closed(alarm, think_ns=2_000_000).client(0)
    started = []
    for _ in range(4):
        await following(client)
        started.append(time.monotonic_ns())
    assert all(later - earlier >= 2_000_000 for earlier, later in pairwise(started))


def test_closed_exponential_pauses_have_their_mean_and_spread() -> None:
    from stormdb.executor.arrivals import exponential_ns

    pauses = [exponential_ns(1_000_000, 3, 0, iteration) for iteration in range(20_000)]
    assert pauses == [exponential_ns(1_000_000, 3, 0, iteration) for iteration in range(20_000)]
    mean = sum(pauses) / len(pauses)
    assert mean == pytest.approx(1_000_000, rel=0.03)
    # Of an exponential distribution, one in e is longer than the mean.
    assert sum(pause > mean for pause in pauses) / len(pauses) == pytest.approx(0.368, abs=0.02)
    assert min(pauses) >= 0

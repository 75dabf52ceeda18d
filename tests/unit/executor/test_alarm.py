"""Alarms ring in order, and never early."""

from __future__ import annotations

import asyncio
import time

import pytest

from stormdb import _native
from stormdb.executor.alarm import Alarm, wake


def _no_timer() -> None:
    raise NotImplementedError


@pytest.fixture(params=["timer of the kernel", "event loop"])
def _kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "event loop":
        monkeypatch.setattr(_native, "Timer", _no_timer)


@pytest.mark.usefixtures("_kind")
async def test_alarms_ring_in_the_order_of_their_times_and_not_early() -> None:
    alarm = Alarm(asyncio.get_running_loop())
    now_ns = time.monotonic_ns()
    rung: list[tuple[int, int]] = []
    for delay_ns in (9_000_000, 3_000_000, 6_000_000, -5_000_000, 3_000_000):
        at_ns = now_ns + delay_ns
        alarm.call_at(at_ns, lambda at_ns=at_ns: rung.append((at_ns, time.monotonic_ns())))
    passed = asyncio.Event()
    alarm.call_at(now_ns + 10_000_000, passed.set)
    await passed.wait()
    alarm.close()
    assert [at_ns for at_ns, _ in rung] == [
        now_ns - 5_000_000, now_ns + 3_000_000, now_ns + 3_000_000,
        now_ns + 6_000_000, now_ns + 9_000_000,
    ]  # fmt: skip
    assert all(rung_ns >= at_ns for at_ns, rung_ns in rung)


@pytest.mark.usefixtures("_kind")
async def test_an_alarm_that_is_set_by_an_alarm_rings_too() -> None:
    alarm = Alarm(asyncio.get_running_loop())
    rung = asyncio.Event()
    now_ns = time.monotonic_ns()
    alarm.call_at(now_ns, lambda: alarm.call_at(now_ns - 1, rung.set))
    await asyncio.wait_for(rung.wait(), 10)
    alarm.close()


@pytest.mark.usefixtures("_kind")
async def test_a_closed_alarm_is_silent() -> None:
    alarm = Alarm(asyncio.get_running_loop())
    alarm.call_at(time.monotonic_ns() + 1_000_000, lambda: pytest.fail("it rang"))
    alarm.close()
    await asyncio.sleep(0.01)


async def test_waking_twice_is_waking_once() -> None:
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    wake(waiting)
    wake(waiting)
    assert waiting.done()

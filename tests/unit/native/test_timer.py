"""The precise wake-up. Nothing here measures how precise it is."""

import asyncio
import select
import sys
import time

import pytest

from stormdb._native import Timer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has timerfd")


def _is_readable(timer: Timer, timeout_s: float) -> bool:
    return bool(select.select([timer.fileno()], [], [], timeout_s)[0])


def test_it_becomes_readable_at_its_time_and_not_before() -> None:
    timer = Timer()
    at_ns = time.monotonic_ns() + 20_000_000
    timer.arm(at_ns)
    assert not timer.clear()
    assert _is_readable(timer, 10)
    assert time.monotonic_ns() >= at_ns
    assert timer.clear()
    assert not _is_readable(timer, 0)
    timer.close()


@pytest.mark.parametrize("at_ns", [0, 1])
def test_a_time_in_the_past_is_due_at_once(at_ns: int) -> None:
    timer = Timer()
    timer.arm(at_ns)
    assert _is_readable(timer, 10)
    timer.close()


def test_arming_again_replaces_the_time() -> None:
    timer = Timer()
    timer.arm(1)
    timer.arm(time.monotonic_ns() + 3600 * 10**9)
    assert not _is_readable(timer, 0)
    timer.close()


async def test_an_event_loop_wakes_up_by_it() -> None:
    timer = Timer()
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(timer.fileno(), woken.set)
    timer.arm(time.monotonic_ns() + 1_000_000)
    await asyncio.wait_for(woken.wait(), 10)
    loop.remove_reader(timer.fileno())
    timer.close()


def test_a_closed_timer_says_so() -> None:
    timer = Timer()
    timer.close()
    timer.close()
    for call in (timer.fileno, timer.clear, lambda: timer.arm(1)):
        with pytest.raises(ValueError, match="the timer is closed; hint: make a new one"):
            call()

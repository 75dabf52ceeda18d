"""The event loop's lag, and what the process uses."""

from __future__ import annotations

import asyncio
import time

from stormdb.executor.heart import Gauges, Heart


async def test_a_loop_that_was_held_up_is_late_until_the_next_beat() -> None:
    heart = Heart(asyncio.get_running_loop())
    heart.take_lag_ns()
    time.sleep(0.06)  # noqa: ASYNC251
    assert time.monotonic_ns() > heart.late_at_ns
    lag_ns = heart.take_lag_ns()
    assert lag_ns >= 40_000_000
    while time.monotonic_ns() > heart.late_at_ns:  # noqa: ASYNC110
        await asyncio.sleep(0)
    heart.stop()


async def test_a_beat_keeps_its_lateness_until_it_is_asked_for() -> None:
    heart = Heart(asyncio.get_running_loop())
    time.sleep(0.06)  # noqa: ASYNC251
    while time.monotonic_ns() > heart.late_at_ns:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert heart.take_lag_ns() >= 40_000_000
    heart.stop()


async def test_a_stopped_heart_leaves_the_loop_alone() -> None:
    heart = Heart(asyncio.get_running_loop())
    heart.stop()
    late_at_ns = heart.late_at_ns
    await asyncio.sleep(0.03)
    assert heart.late_at_ns == late_at_ns


def test_busy_time_is_that_since_the_last_call() -> None:
    gauges = Gauges()
    begin_ns = time.process_time_ns()
    while time.process_time_ns() - begin_ns < 100_000_000:
        pass
    first_ns = gauges.take_busy_ns()
    assert first_ns >= 100_000_000
    assert gauges.take_busy_ns() < first_ns


def test_memory_in_use_grows_with_what_is_allocated() -> None:
    before = Gauges.rss_bytes()
    held = bytearray(b"x" * (64 << 20))
    assert Gauges.rss_bytes() - before > 50 << 20
    del held

"""Signals as requests. Signals are sent to this very process."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from stormdb.errors import ExitCode, InterruptedRunError
from stormdb.run.interrupts import Interrupts


async def test_work_without_a_signal_gives_its_result() -> None:
    async with Interrupts(print, print) as interrupts:
        assert await interrupts.guard(asyncio.sleep(0, "done")) == "done"
        assert not interrupts.is_requested


async def test_the_first_signal_cancels_guarded_work_and_waits_for_it() -> None:
    said: list[str] = []
    steps: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            steps.append("cleaned up")

    async with Interrupts(said.append, print) as interrupts:
        with pytest.raises(InterruptedRunError) as caught:
            await interrupts.guard(work())
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    assert steps == ["cleaned up"]
    assert said == ["SIGTERM: ending in order; once more ends at once"]


async def test_work_that_fails_fails_as_itself() -> None:
    async def work() -> None:
        raise ValueError("its own")

    async with Interrupts(print, print) as interrupts:
        with pytest.raises(ValueError, match="its own"):
            await interrupts.guard(work())


async def test_work_that_begins_after_the_signal_is_not_done() -> None:
    steps: list[str] = []

    async def work() -> None:
        steps.append("begun")

    async with Interrupts(steps.append, print) as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        await interrupts.wait()
        with pytest.raises(InterruptedRunError):
            await interrupts.guard(work())
    assert steps == ["SIGINT: ending in order; once more ends at once"]


async def test_the_second_signal_ends_unguarded_work_too() -> None:
    async def interrupted_twice() -> None:
        async with Interrupts(lambda _: os.kill(os.getpid(), signal.SIGINT), print):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)

    with pytest.raises(InterruptedRunError, match="interrupted twice"):
        await interrupted_twice()


async def test_afterwards_signals_are_as_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with Interrupts(print, print):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


async def test_runs_side_by_side_leave_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with Interrupts(print, print, heeds_signals=False) as interrupts:
        assert signal.getsignal(signal.SIGTERM) == before
        interrupts.request()
        assert interrupts.is_requested
    assert signal.getsignal(signal.SIGTERM) == before

from __future__ import annotations

import asyncio
import time

from stormdb.plugin import Context


def test_without_a_deadline_there_is_no_end() -> None:
    context = Context()
    assert not context.done
    assert context.remaining_s > 1e6


def test_past_its_deadline_the_work_is_done() -> None:
    context = Context(deadline_ns=time.monotonic_ns() - 1)
    assert context.done
    assert context.remaining_s == 0


async def test_a_pause_that_passes_whole() -> None:
    assert await Context().sleep(0.001)


async def test_a_pause_ends_with_the_work() -> None:
    context = Context()
    pause = asyncio.create_task(context.sleep(600))
    await asyncio.sleep(0)
    context._stop.set()
    assert not await pause
    assert context.done
    assert not await context.sleep(0)


async def test_a_pause_does_not_pass_the_deadline() -> None:
    context = Context(deadline_ns=time.monotonic_ns() + 1_000_000)
    assert not await context.sleep(600)
    assert context.done


def test_progress_goes_to_whoever_watches() -> None:
    told: list[object] = []
    context = Context(_report=lambda *step: told.append(step))
    context.progress(1, 3, "rows of account")
    context.progress(2)
    assert told == [(1, 3, "rows of account"), (2, None, "")]
    Context().progress(1)

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from stormdb.errors import WorkloadError
from stormdb.plugins.record import Kind, PluginRecord
from stormdb.testing.bench import Bench, Case, listed
from stormdb.testing.declaration import Declaration
from stormdb.testing.outcome import BrokenPromiseError, NotTriedError

RECORD = PluginRecord(name="ledger", kind=Kind.FILE, source="/x/ledger.py", digest="ab")
CASES = [Case(workload=name, executor="coroutine") for name in ("a", "b", "c")]


def bench() -> Bench:
    """A bench that needs no server: its forms are known."""
    made = Bench(RECORD, cast("Any", None), Declaration())

    async def cases() -> list[Case]:
        return CASES

    made.cases = cases  # type: ignore[method-assign]
    return made


async def test_forms_are_tried_side_by_side_and_told_in_their_order() -> None:
    under_way: set[str] = set()
    all_together = asyncio.Event()

    async def check(case: Case) -> str:
        under_way.add(case.workload)
        if len(under_way) == len(CASES):
            all_together.set()
        await all_together.wait()
        if case.workload == "a":
            raise NotTriedError("no occasion")
        return "fine"

    told = await bench().tries(check)
    assert told == (
        "b (coroutine): fine; c (coroutine): fine; a (coroutine): not tried: no occasion"
    )


async def test_one_at_a_time_is_one_at_a_time() -> None:
    under_way = 0

    async def check(_: Case) -> str:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        await asyncio.sleep(0)
        under_way -= 1
        return ""

    await bench().tries(check, at_once=1)


async def test_a_broken_form_ends_the_trials_of_the_others() -> None:
    ended = []

    async def check(case: Case) -> str:
        if case.workload == "a":
            raise BrokenPromiseError("a is broken")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(case.workload)
        return ""

    with pytest.raises(BrokenPromiseError, match="a is broken"):
        await bench().tries(check)
    assert ended == ["b", "c"]


async def test_where_nothing_can_be_tried_the_reasons_are_told() -> None:
    async def check(_: Case) -> str:
        raise NotTriedError("no occasion")

    with pytest.raises(NotTriedError, match=r"^a \(coroutine\): no occasion; b "):
        await bench().tries(check)


def test_what_is_made_once_serves_later_event_loops() -> None:
    one, calls = bench(), []

    async def make() -> str:
        calls.append("made")
        return "data"

    for _ in range(2):
        assert asyncio.run(one._once("data", make)) == "data"
    assert calls == ["made"]


def test_what_failed_once_is_not_tried_again() -> None:
    one, calls = bench(), []

    async def make() -> str:
        calls.append("tried")
        raise WorkloadError("setup fails")

    for _ in range(2):
        with pytest.raises(WorkloadError, match="setup fails"):
            asyncio.run(one._once("data", make))
    assert calls == ["tried"]


def test_what_was_interrupted_is_made_anew() -> None:
    one, calls = bench(), []

    async def make() -> str:
        calls.append("begun")
        if len(calls) == 1:
            begun.set()
            await asyncio.Event().wait()
        return "data"

    async def interrupted() -> None:
        waiting = asyncio.ensure_future(one._once("data", make))
        await begun.wait()
        waiting.cancel()

    begun = asyncio.Event()

    asyncio.run(interrupted())
    assert asyncio.run(one._once("data", make)) == "data"


def test_a_plugin_without_metadata_blocks() -> None:
    with pytest.raises(WorkloadError, match="cannot be loaded"):
        _ = bench().metadata


def test_a_long_list_is_cut_and_counted() -> None:
    assert listed(["a", "b", "c"]) == "a; b; c"
    assert listed(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"

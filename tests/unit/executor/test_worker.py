"""The worker loop: what it calls, with what, and how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from stormdb._native import CallRecord, IntervalSnapshot, Phase, Plan, Rate, Recorder
from stormdb.executor.arrivals import Call
from stormdb.executor.call_random import CallRandom
from stormdb.executor.heart import Heart
from stormdb.executor.metrics import OpenMetrics
from stormdb.executor.pool import Connections, WorkerPool
from stormdb.executor.worker import Worker
from stormdb.plugin import Config, Context, Workload


class Work(Workload):
    def __init__(self, run: Callable[..., Awaitable[None]]) -> None:
        self._run = run

    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None: ...

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Any) -> None:
        await self._run(ctx, metrics)


class Given:
    """So many arrivals, all due."""

    def __init__(self, recorder: Recorder, count: int) -> None:
        self._calls = [(index, 100 + index, 0) for index in range(count)]
        recorder.offer(0, count)

    def take(self, now_ns: int) -> Call | None:
        return self._calls.pop(0) if self._calls else None

    async def wait(self) -> Call | None:
        return None


@dataclass
class Bench:
    """A worker over `run`, and what came of it."""

    run: Callable[..., Awaitable[None]]
    calls: int = 1
    max_tries: int = 1
    backoff_ns: int = 0
    plugin_failures: list[BaseException] = field(default_factory=list)

    def worker(self) -> Worker:
        plan = Plan([Phase("steady", "steady", 10**12, Rate.hold(10**6))])
        self.recorder = recorder = Recorder(plan)
        self.start_ns = time.monotonic_ns()
        rng = CallRandom(5)
        call = CallRecord(recorder, recorder.row("work"), 0, self.start_ns)
        db = WorkerPool(Connections(1, lambda: pytest.fail("no connection")), 0, call, print)
        return Worker(
            workload=Work(self.run),
            ctx=Context(random=rng),
            rng=rng,
            db=db,
            cfg=Config(workload="work", seed=5),
            metrics=OpenMetrics(
                recorder, call, worker=0, workload="work", db=db, start_ns=self.start_ns, roots=()
            ),
            arrivals=Given(recorder, self.calls),
            max_tries=self.max_tries,
            backoff_ns=self.backoff_ns,
            heart=Heart(asyncio.get_running_loop()),
            plugin_failed=self.plugin_failures.append,
        )

    async def serve(self) -> IntervalSnapshot:
        await self.worker().serve()
        return self.snapshot()

    def snapshot(self) -> IntervalSnapshot:
        total, *rest = self.recorder.finish(time.monotonic_ns() - self.start_ns)
        for snapshot in rest:
            total.merge(snapshot)
        assert all(phase.holds for phase in total.identity())
        return total


async def test_each_call_has_its_iteration_and_its_random_numbers() -> None:
    seen = []

    async def run(ctx: Context, _: Any) -> None:
        seen.append((ctx.iteration, ctx.random.random()))

    snapshot = await Bench(run, calls=3).serve()
    rng = CallRandom(5)
    expected = []
    for index in range(3):
        rng.rewind(100 + index)
        expected.append((index, rng.random()))
    assert seen == expected
    assert snapshot.row_totals()[0].committed == 3


async def test_a_call_is_tried_again_with_the_same_random_numbers() -> None:
    drawn = []

    async def run(ctx: Context, _: Any) -> None:
        drawn.append(ctx.random.random())
        if len(drawn) < 3:
            raise asyncpg.SerializationError("could not serialize access")

    (row,) = (await Bench(run, max_tries=3).serve()).row_totals()
    assert len(set(drawn)) == 1
    assert (len(drawn), row.committed, row.failed, row.retried) == (3, 1, {}, {"40001": 2})


async def test_the_last_try_decides() -> None:
    async def run(*_: Any) -> None:
        raise asyncpg.DeadlockDetectedError("deadlock detected")

    (row,) = (await Bench(run, max_tries=4).serve()).row_totals()
    assert (row.failed, row.retried) == ({"40P01": 1}, {"40P01": 3})


async def test_other_failures_are_not_tried_again() -> None:
    async def run(*_: Any) -> None:
        raise asyncpg.UniqueViolationError("duplicate key")

    bench = Bench(run, calls=2, max_tries=4)
    (row,) = (await bench.serve()).row_totals()
    assert (row.failed, row.retried, bench.plugin_failures) == ({"23505": 2}, {}, [])


async def test_the_plugins_own_exceptions_are_told() -> None:
    errors = [KeyError("id"), SystemExit(3), asyncio.CancelledError()]

    async def run(ctx: Context, _: Any) -> None:
        raise errors[ctx.iteration]

    bench = Bench(run, calls=3)
    (row,) = (await bench.serve()).row_totals()
    assert bench.plugin_failures == errors
    assert row.failed == {"PYEXC": 3}


async def test_a_cancelled_worker_leaves_its_call_unfinished() -> None:
    async def run(*_: Any) -> None:
        await asyncio.Event().wait()

    bench = Bench(run, calls=1)
    serving = asyncio.ensure_future(bench.worker().serve())
    await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    (identity,) = bench.snapshot().identity()
    assert identity.unfinished == 1


async def test_a_cancelled_pause_between_tries_leaves_the_call_unfinished() -> None:
    async def run(*_: Any) -> None:
        raise asyncpg.SerializationError("could not serialize access")

    bench = Bench(run, max_tries=9, backoff_ns=10**12)
    serving = asyncio.ensure_future(bench.worker().serve())
    for _ in range(3):
        await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    (identity,) = bench.snapshot().identity()
    assert (identity.unfinished, identity.failed) == (1, 0)


@pytest.mark.parametrize("tries", [1, 2, 5, 40])
async def test_the_pause_doubles_is_jittered_and_bounded(tries: int) -> None:
    worker = Bench(lambda: None, backoff_ns=10_000_000).worker()
    pauses = [worker._backoff_ns(tries, stream) for stream in range(1000)]
    mean_ns = min(10_000_000 * 2 ** (tries - 1), 1_000_000_000)
    assert all(mean_ns / 2 <= pause <= mean_ns * 1.5 for pause in pauses)
    assert sum(pauses) / 1000 == pytest.approx(mean_ns, rel=0.05)
    assert pauses == [worker._backoff_ns(tries, stream) for stream in range(1000)]

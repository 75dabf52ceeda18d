"""The load itself: start the executors, let them go on one clock, gather what they measure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from stormdb.errors import RunError
from stormdb.run.error_budget import ErrorBudget
from stormdb.run.events import LoadInfo, Stage
from stormdb.run.intervals import IntervalCollector
from stormdb.run.plan import phases_as_run

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot, Plan
    from stormdb.errors import StormdbError
    from stormdb.executor import Executor, ExecutorEnd
    from stormdb.results import ExecutorInfo, PhaseInfo
    from stormdb.run.interrupts import Interrupts
    from stormdb.run.stages import Stages

__all__ = ["Measured", "Part", "put_load"]

_LEAD_NS = 50_000_000
"""Between the order to start and the start: every process and thread has it by then."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The load of one workload.

    Attributes:
        name: of the workload in this run.
        executor: what carries it, not started.
        start_after_ns: when its first phase starts, after the start of the run.
    """

    name: str
    executor: Executor
    start_after_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the load of one workload left.

    Attributes:
        started_at: wall clock at the start of its first phase, UTC.
        executor: what carried it.
        phases: as planned and as run.
        intervals: merged, by index.
        problems: why it ended before its time.
        aftermath: what went wrong once all was measured.
        is_interrupted: whether the user ended it.
    """

    started_at: datetime
    executor: ExecutorInfo
    phases: Sequence[PhaseInfo]
    intervals: Sequence[IntervalSnapshot]
    problems: Sequence[StormdbError]
    aftermath: Sequence[StormdbError]
    is_interrupted: bool


async def put_load(parts: Sequence[Part], stages: Stages, interrupts: Interrupts) -> list[Measured]:
    """Put the load on the server, to its end or until the user interrupts it.

    What breaks off one part ends them all: what goes on without it is not the load that was asked
    for.

    Args:
        parts: each workload's load; all of them start on one clock.
        stages: told what goes on.
        interrupts: what the user wants.

    Returns:
        What each part measured, in their order.

    Raises:
        PluginError: a worker process cannot load the plugin.
        ConnectError: an executor cannot connect.
        InterruptedRunError: the user interrupted before the load started.
    """
    async with AsyncExitStack() as stack:
        for part in parts:
            await stack.enter_async_context(part.executor)
        for part in parts:
            await interrupts.guard(part.executor.start())
        start_ns = time.monotonic_ns() + _LEAD_NS
        started_at = datetime.now(UTC) + timedelta(microseconds=_LEAD_NS / 1000)
        watches = [_Watch(part, stages, start_ns + part.start_after_ns) for part in parts]
        for watch in watches:
            await watch.go()
        await _until_end(watches, stages, interrupts)
        lost = [watch.name for watch in watches if watch.problems]
        return [
            watch.measured(started_at, lost, is_interrupted=interrupts.is_requested)
            for watch in watches
        ]


async def _until_end(watches: Sequence[_Watch], stages: Stages, interrupts: Interrupts) -> None:
    """Gather until every part has ended, by itself or because it was asked to."""
    try:
        with stages.stage(Stage.LOAD, ", ".join(watch.name for watch in watches)):
            while any(watch.is_under_load for watch in watches):
                await _gather(watches)
                if interrupts.is_requested or any(watch.problems for watch in watches):
                    for watch in watches:
                        watch.stop()
                    break
        with stages.stage(Stage.DRAIN):
            # The executor ends processes that do not by themselves.
            while not all(watch.ending.done() for watch in watches):
                await _gather(watches)
    finally:
        for watch in watches:
            watch.close()


async def _gather(watches: Sequence[_Watch]) -> None:
    endings = {watch.ending for watch in watches if not watch.ending.done()}
    if endings:
        await asyncio.wait(endings, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
    for watch in watches:
        watch.gather()


def _steady_rate_per_s(plan: Plan) -> float | None:
    """Mean offered rate of the steady phases; there is one at least."""
    if not plan.is_open_loop:
        return None
    steady = {i: phase for i, phase in enumerate(plan.phases) if phase.role == "steady"}
    length_ns = sum(phase.duration_ns for phase in steady.values())
    return sum(map(plan.planned_count, steady)) / length_ns * 1e9


class _Watch:
    """Gathers the snapshots of one part.

    Args:
        part: its executor has started.
        stages: told what goes on.
        start_ns: when its first phase starts, on the monotonic clock.

    Attributes:
        name: of the workload.
        ending: done when the part has ended; set by `go`.
    """

    def __init__(self, part: Part, stages: Stages, start_ns: int) -> None:
        self.name = part.name
        self.ending: asyncio.Future[ExecutorEnd]
        self._part = part
        self._executor = part.executor
        self._spec = part.executor.spec
        self._stages = stages
        self._start_ns = start_ns
        self._budget = ErrorBudget(part.executor.spec.max_error_ratio)
        self._collector = IntervalCollector(
            part.executor.info.part_count,
            lambda snapshot: stages.events.interval(part.name, snapshot),
        )
        self._stopping: asyncio.Future[None] | None = None
        self._stopped_ns: int | None = None

    @property
    def is_under_load(self) -> bool:
        """Whether it still offers something, or will."""
        return not self.ending.done() and self._now_ns < self._spec.plan.duration_ns

    @property
    def problems(self) -> list[StormdbError]:
        """Why it ended, or has to end, before its time."""
        hopeless = self._budget.problem
        found: list[StormdbError] = [hopeless] if hopeless else []
        return found + (list(self.ending.result().problems) if self.ending.done() else [])

    @property
    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._start_ns

    async def go(self) -> None:
        """Let it start."""
        spec = self._spec
        self._stages.events.load_started(
            LoadInfo(
                name=self.name,
                workload=spec.config.workload,
                arrival=spec.plan.arrival if spec.plan.is_open_loop else "closed",
                rate_per_s=_steady_rate_per_s(spec.plan),
                workers=spec.config.workers,
                connections=spec.config.connections,
                executor=self._executor.info,
                start_ns=self._start_ns,
                start_after_ns=self._part.start_after_ns,
                interval_ns=spec.plan.interval_ns,
                phases=phases_as_run(spec.plan),
            )
        )
        await self._executor.go(self._start_ns)
        self.ending = asyncio.ensure_future(self._executor.finished())

    def gather(self) -> None:
        """Take what has been measured since the last time."""
        snapshots = self._executor.poll()
        self._budget.add(snapshots)
        self._collector.add(snapshots)

    def stop(self) -> None:
        """Let it offer no more; nothing if it has come to its end."""
        if self.is_under_load:
            self._stopped_ns = max(self._now_ns, 0)
            self._stopping = asyncio.ensure_future(self._executor.stop())

    def close(self) -> None:
        """Take what came last."""
        self.ending.cancel()
        if self._stopping is not None:
            self._stopping.cancel()
        self._collector.add(self._executor.poll())
        self._collector.close()

    def measured(
        self, started_at: datetime, lost: Sequence[str], *, is_interrupted: bool
    ) -> Measured:
        """What it left.

        Args:
            started_at: wall clock at the start of the run.
            lost: names of the parts that broke off.
            is_interrupted: whether the user ended the run.
        """
        end, problems, stopped_ns = self.ending.result(), self.problems, self._stopped_ns
        if end.problems and stopped_ns is None:
            stopped_ns = end.end_ns
        if stopped_ns is not None and lost and not problems and not is_interrupted:
            problems = [RunError(f"ended early, for {', '.join(lost)} broke off")]
        return Measured(
            started_at=started_at + timedelta(microseconds=self._part.start_after_ns / 1000),
            executor=self._executor.info,
            phases=phases_as_run(self._spec.plan, stopped_ns),
            intervals=self._collector.merged,
            problems=problems,
            aftermath=end.aftermath,
            is_interrupted=is_interrupted,
        )

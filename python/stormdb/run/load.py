"""The load itself: start the executor, let it go, gather what it measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

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

__all__ = ["Measured", "put_load"]

_LEAD_NS = 50_000_000
"""Between the order to start and the start: every process and thread has it by then."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the load left.

    Attributes:
        started_at: wall clock at the start of the first phase, UTC.
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


async def put_load(executor: Executor, stages: Stages, interrupts: Interrupts) -> Measured:
    """Put the load on the server, to its end or until the user interrupts it.

    Args:
        executor: what carries it, not started.
        stages: told what goes on.
        interrupts: what the user wants.

    Raises:
        PluginError: a worker process cannot load the plugin.
        ConnectError: the executor cannot connect.
        InterruptedRunError: the user interrupted before the load started.
    """
    spec = executor.spec
    async with executor:
        await interrupts.guard(executor.start())
        collector = IntervalCollector(executor.info.part_count, stages.events.interval)
        start_ns = time.monotonic_ns() + _LEAD_NS
        started_at = datetime.now(UTC) + timedelta(microseconds=_LEAD_NS / 1000)
        stages.events.load_started(
            LoadInfo(
                workload=spec.config.workload,
                arrival=spec.plan.arrival if spec.plan.is_open_loop else "closed",
                rate_per_s=_steady_rate_per_s(spec.plan),
                workers=spec.config.workers,
                connections=spec.config.connections,
                executor=executor.info,
                start_ns=start_ns,
                interval_ns=spec.plan.interval_ns,
                phases=phases_as_run(spec.plan),
            )
        )
        await executor.go(start_ns)
        watch = _Watch(executor, collector, stages, interrupts, start_ns)
        end = await watch.until_end()
        return Measured(
            started_at=started_at,
            executor=executor.info,
            phases=phases_as_run(spec.plan, watch.stopped_ns),
            intervals=collector.merged,
            problems=end.problems,
            aftermath=end.aftermath,
            is_interrupted=watch.is_interrupted,
        )


def _steady_rate_per_s(plan: Plan) -> float | None:
    """Mean offered rate of the steady phases; there is one at least."""
    if not plan.is_open_loop:
        return None
    steady = {i: phase for i, phase in enumerate(plan.phases) if phase.role == "steady"}
    length_ns = sum(phase.duration_ns for phase in steady.values())
    return sum(map(plan.planned_count, steady)) / length_ns * 1e9


class _Watch:
    """Gathers snapshots until the load has ended, by itself or because it was asked to."""

    def __init__(
        self,
        executor: Executor,
        collector: IntervalCollector,
        stages: Stages,
        interrupts: Interrupts,
        start_ns: int,
    ) -> None:
        self._executor = executor
        self._collector = collector
        self._spec = executor.spec
        self._stages = stages
        self._interrupts = interrupts
        self._start_ns = start_ns
        self._budget = ErrorBudget(executor.spec.max_error_ratio)
        self.stopped_ns: int | None = None
        self.is_interrupted = False

    @property
    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._start_ns

    async def until_end(self) -> ExecutorEnd:
        """Wait for the end; the result says why it came early, if it did."""
        ending = asyncio.ensure_future(self._executor.finished())
        stopping: asyncio.Future[None] | None = None
        hopeless: StormdbError | None = None
        try:
            with self._stages.stage(Stage.LOAD, self._spec.config.workload):
                while not ending.done() and self._now_ns < self._spec.plan.duration_ns:
                    await self._gather(ending)
                    self.is_interrupted = self._interrupts.is_requested
                    hopeless = None if self.is_interrupted else self._budget.problem
                    if self.is_interrupted or hopeless:
                        self.stopped_ns = max(self._now_ns, 0)
                        stopping = asyncio.ensure_future(self._executor.stop())
                        break
            with self._stages.stage(Stage.DRAIN):
                while not ending.done():  # the executor ends processes that do not by themselves
                    await self._gather(ending)
            end = ending.result()
            if end.problems and self.stopped_ns is None:
                self.stopped_ns = end.end_ns
            return replace(end, problems=[hopeless, *end.problems]) if hopeless else end
        finally:
            ending.cancel()
            if stopping is not None:
                stopping.cancel()
            self._collector.add(self._executor.poll())
            self._collector.close()

    async def _gather(self, ending: asyncio.Future[ExecutorEnd]) -> None:
        await asyncio.wait({ending}, timeout=_POLL_S)
        snapshots = self._executor.poll()
        self._budget.add(snapshots)
        self._collector.add(snapshots)

"""`Load`: what one worker process does, from opening its connections to its last snapshot."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from stormdb._native import CallRecord, Plan, Recorder, Schedule
from stormdb.executor.alarm import Alarm
from stormdb.executor.arrivals import ClosedLoop, OpenLoop
from stormdb.executor.call_random import CallRandom
from stormdb.executor.heart import Gauges, Heart
from stormdb.executor.metrics import CallMetrics, ClosedMetrics, OpenMetrics
from stormdb.executor.outcome import message_of
from stormdb.executor.pool import Connections, WorkerPool, connector
from stormdb.executor.worker import Worker
from stormdb.plugin import Context
from stormdb.plugins import places
from stormdb.plugins.failures import ContractError

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.executor.spec import Share
    from stormdb.plugin import Config, Workload

__all__ = ["CONNECTIONS_LOST", "POOL_WAIT", "Load"]

POOL_WAIT = "stormdb.pool_wait_ns"
"""Custom value: each wait of a worker for a connection."""
CONNECTIONS_LOST = "stormdb.connections_lost"
"""Custom counter: connections that broke during the load."""

_HOPELESS_COUNT = 20
_OBEY_S = 0.5

Deliver = Callable[[Sequence["IntervalSnapshot"], int], None]


class Load:
    """One process's share of the load: `connect`, then `run` once.

    Args:
        share: what to do.
        workload: whose `run` is called.
        config: what it sees.
        roots: the plugin's files and folders.
        plugin_log: logger of the plugin.
        deliver: gets snapshots, and how many calls were being made when they were taken; called
            from a thread of its own.
    """

    def __init__(  # noqa: PLR0913
        self,
        share: Share,
        workload: Workload,
        config: Config,
        *,
        roots: Sequence[str],
        plugin_log: logging.Logger,
        deliver: Deliver,
    ) -> None:
        self._share = share
        self._workload = workload
        self._config = config
        self._roots = roots
        self._plugin_log = plugin_log
        self._deliver = deliver
        self._plan = Plan.from_bytes(share.plan)
        self._recorder = Recorder(self._plan, share.process_index)
        self._connections = Connections(
            share.connections, connector(share.target, share.server_settings)
        )
        self._sender = ThreadPoolExecutor(1, "stormdb-sender")
        self._begin = asyncio.Event()
        self._over = asyncio.Event()
        self._stop = asyncio.Event()
        self._workers: list[Worker] = []
        self._hopeless_count = 0
        self._problem: BaseException | None = None

    async def connect(self) -> None:
        """Open the connections.

        Raises:
            ConnectError: the server refuses or cannot be reached.
        """
        await self._connections.open()

    async def run(self, start_ns: int) -> None:
        """Put the load on the server, from a time on until the plan or `stop` ends it.

        Args:
            start_ns: start of the run on the monotonic clock.

        Raises:
            BaseException: why the plugin's code made it end early; all is delivered then.
        """
        loop = asyncio.get_running_loop()
        self._start_ns = start_ns
        self._alarm, self._heart, self._gauges = Alarm(loop), Heart(loop), Gauges()
        self._source = self._make_source()
        self._workers = [self._make_worker(number) for number in range(self._share.workers)]
        gc.freeze()  # what is loaded stays: collections need not look at it again and again
        self._alarm.call_at(start_ns, self._begin.set)
        await self._begin.wait()
        # What passed while it waited belongs to no interval.
        self._gauges.take_busy_ns()
        self._heart.take_lag_ns()
        if not self._over.is_set():
            self._alarm.call_at(start_ns + self._plan.duration_ns, self._over.set)
            self._flush()
            tasks = [loop.create_task(worker.serve()) for worker in self._workers]
            for task in tasks:
                task.add_done_callback(self._worker_ended)
            await self._over.wait()
            await self._drain(tasks)
        await loop.run_in_executor(self._sender, self._finish())
        await self._connections.close()
        if self._problem is not None:
            raise self._problem

    def stop(self) -> None:
        """Offer no more; calls in flight may go on until the drain is over."""
        self._over.set()
        self._begin.set()

    def _make_source(self) -> ClosedLoop | OpenLoop:
        share = self._share
        if not self._plan.is_open_loop:
            return ClosedLoop(
                self._alarm,
                end_ns=self._start_ns + self._plan.duration_ns,
                seed=self._config.seed,
                think_time_ns=share.think_time_ns,
                is_exponential=share.is_exponential,
            )
        return OpenLoop(
            Schedule(self._plan, share.process_index, share.process_count),
            self._recorder,
            self._alarm,
            start_ns=self._start_ns,
            capacity=share.max_queue,
            max_lag_ns=share.max_lag_ns,
        )

    def _make_worker(self, index: int) -> Worker:
        number = self._share.first_worker + index
        row = self._recorder.row(self._config.workload)
        call = CallRecord(self._recorder, row, number, self._start_ns)
        db = WorkerPool(self._connections, index, call, self._waited)
        rng = CallRandom(self._config.seed)
        metrics_class: type[CallMetrics] = ClosedMetrics
        deadline_ns = self._start_ns + self._plan.duration_ns
        if self._plan.is_open_loop:
            metrics_class = OpenMetrics
            deadline_ns += self._share.drain_ns
        return Worker(
            workload=self._workload,
            ctx=Context(
                worker=number,
                random=rng,
                log=self._plugin_log,
                deadline_ns=deadline_ns,
                _stop=self._stop,
            ),
            rng=rng,
            db=db,
            cfg=self._config,
            metrics=metrics_class(
                self._recorder,
                call,
                worker=number,
                workload=self._config.workload,
                db=db,
                start_ns=self._start_ns,
                roots=self._roots,
            ),
            arrivals=self._source.client(number),
            max_tries=self._share.max_tries,
            backoff_ns=self._share.backoff_ns,
            heart=self._heart,
            plugin_failed=self._plugin_failed,
        )

    def _now_ns(self) -> int:
        return time.monotonic_ns() - self._start_ns

    def _waited(self, wait_ns: int) -> None:
        self._recorder.value(POOL_WAIT, wait_ns, self._now_ns())

    def _worker_ended(self, task: asyncio.Task[None]) -> None:
        """A worker that ends by an exception is our own fault: say so instead of going on."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._abort(error)

    def _plugin_failed(self, error: BaseException) -> None:
        """End the load where to go on makes no sense."""
        if isinstance(error, SystemExit | KeyboardInterrupt | MemoryError):
            self._abort(error)
        if any(worker.metrics.call.has_succeeded for worker in self._workers):
            return
        self._hopeless_count += 1
        if self._hopeless_count >= max(_HOPELESS_COUNT, len(self._workers)):
            message, _, hint = message_of(error, ()).partition("; hint: ")
            self._abort(
                ContractError(
                    f"failed in each of its first {self._hopeless_count} calls of run(): {message}",
                    place=places.of_traceback(error.__traceback__, self._roots),
                    hint=hint or "mend the workload: this run says nothing about the server",
                )
            )

    def _abort(self, problem: BaseException) -> None:
        self._problem = self._problem or problem
        self._over.set()

    def _flush(self) -> None:
        """Hand on the intervals that are over; called at the end of each."""
        self._source.offer_due()
        self._take_gauges()
        self._send(self._recorder.flip(self._now_ns()))
        self._alarm.call_at(self._start_ns + self._recorder.current_interval.end_ns, self._flush)

    def _take_gauges(self) -> None:
        self._recorder.gauge(
            self._gauges.take_busy_ns(), self._heart.take_lag_ns(), self._gauges.rss_bytes()
        )
        if lost_count := self._connections.take_lost_count():
            self._recorder.count(CONNECTIONS_LOST, lost_count, max(self._now_ns(), 0))

    def _send(self, snapshots: Sequence[IntervalSnapshot]) -> None:
        active_count = sum(worker.metrics.call.is_active for worker in self._workers)
        self._sender.submit(self._deliver, snapshots, active_count)

    async def _drain(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Let the calls in flight end, cancel those that do not, name those that do not obey."""
        self._source.close()
        if not self._plan.is_open_loop:
            self._stop.set()
        _, late = await asyncio.wait(tasks, timeout=self._share.drain_ns / 1e9)
        self._stop.set()
        self._source.drop_queued()
        if not late:
            return
        for task in late:
            task.cancel()
        await asyncio.wait(late, timeout=_OBEY_S)
        for worker, task in zip(self._workers, tasks, strict=True):
            if not task.done():
                worker.metrics.given_up()
                self._abort(
                    ContractError(
                        "does not end its run() when it is cancelled",
                        place=places.of_coroutine(task.get_coro(), self._roots),
                        hint="let asyncio.CancelledError out, and look at ctx.done",
                    )
                )

    def _finish(self) -> Callable[[], None]:
        """Stop measuring; returns what is left to do, the last delivery."""
        self._alarm.close()
        self._take_gauges()
        self._heart.stop()
        snapshots = self._recorder.finish(max(self._now_ns(), 0))
        return lambda: self._deliver(snapshots, 0)

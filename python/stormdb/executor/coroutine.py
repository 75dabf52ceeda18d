"""`CoroutineExecutor`: drives the worker processes of a run."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Self

from stormdb.executor.interface import ExecutorEnd
from stormdb.executor.process import ExecutorEvents, WorkerProcess
from stormdb.results import ExecutorInfo

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.executor.spec import LoadSpec

__all__ = ["CoroutineExecutor", "ExecutorEvents"]

_WATCH_S = 0.2


class CoroutineExecutor:
    """Worker processes that call `run`, each with its share of workers, connections and arrivals.

    Used once: `start`, `go`, then `poll` about once per interval until `finished`; `stop` at any
    time after `go` ends the load early. `async with` ends every process however the block is left.

    Args:
        spec: the load.
        events: hears log records and warnings.
    """

    def __init__(self, spec: LoadSpec, events: ExecutorEvents) -> None:
        self.spec = spec
        self._start_ns = 0
        self._processes = [WorkerProcess(index, spec, events) for index in range(spec.processes)]
        self._running: list[asyncio.Task[None]] = []
        self._stopping: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (*self._running, *self._stopping):
            task.cancel()
        await asyncio.gather(*(process.kill() for process in self._processes))

    @property
    def info(self) -> ExecutorInfo:
        """Worker processes, each with one event loop."""
        return ExecutorInfo(kind="coroutine", processes=self.spec.processes)

    async def start(self) -> None:
        """Start the processes: plugin loaded, connections open, ready to go.

        Raises:
            PluginError: the plugin cannot be loaded; names the plugin and the place.
            ConnectError: the server refuses or cannot be reached.
        """
        starts = [asyncio.create_task(process.start()) for process in self._processes]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)

    async def go(self, start_ns: int) -> None:
        """Start the load: the first phase begins at this reading of the monotonic clock.

        Args:
            start_ns: `time.monotonic_ns()`, a little ahead.
        """
        self._start_ns = start_ns
        self._running = [asyncio.create_task(self._drive(process)) for process in self._processes]

    def poll(self) -> list[IntervalSnapshot]:
        """Snapshots that came since the last call: one per process and interval, not merged."""
        snapshots = []
        for process in self._processes:
            snapshots += process.fresh
            process.fresh = []
        return snapshots

    async def stop(self) -> None:
        """End the load early and orderly: offer no more, drain, return when all is delivered."""
        self._order_stop()
        await asyncio.wait(self._running)

    async def finished(self) -> ExecutorEnd:
        """Wait until every process has ended its part; what they sent last is in `poll`."""
        pending = set(self._running)
        while pending:
            _, pending = await asyncio.wait(pending, timeout=_WATCH_S)
            for process in self._processes:
                process.watch()
        for task in self._running:
            task.result()
        problems = [process.problem for process in self._processes if process.problem]
        aftermath = [process.aftermath for process in self._processes if process.aftermath]
        return ExecutorEnd(
            end_ns=time.monotonic_ns() - self._start_ns, problems=problems, aftermath=aftermath
        )

    async def _drive(self, process: WorkerProcess) -> None:
        await process.run(self._start_ns)
        if process.problem is not None:
            self._order_stop()

    def _order_stop(self) -> None:
        """Tell every process to offer no more, once."""
        if not self._stopping:
            self._stopping = [asyncio.create_task(process.stop()) for process in self._processes]

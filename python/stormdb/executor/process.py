"""The controller's side of one worker process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from stormdb._native import IntervalSnapshot
from stormdb.errors import PluginError, StormdbError
from stormdb.executor.ledger import Ledger
from stormdb.plugins import Access, Host, PluginLog
from stormdb.units import format_count, format_duration

if TYPE_CHECKING:
    from stormdb.executor.spec import LoadSpec

__all__ = ["ExecutorEvents", "WorkerProcess"]

_MODULE = "stormdb.executor.child"
_SILENCE_NS = 30_000_000_000
"""A process that has not delivered an interval for so long hangs."""
_GRACE_NS = 2_000_000_000
"""What a process may take beyond its drain to cancel calls and to deliver."""


class ExecutorEvents(Protocol):
    """Who hears what the worker processes say; called from the controller's event loop."""

    def log(self, process: int, level: str, logger: str, message: str) -> None:
        """Plugin code logged or printed something in worker process number `process`."""

    def warning(self, sentence: str) -> None:
        """Something that the user should know and that does not end the run."""


class WorkerProcess:
    """One worker process and what is known of it.

    Args:
        index: its number.
        spec: the whole load.
        events: hears log records and warnings.

    Attributes:
        fresh: snapshots that nobody took yet.
        problem: why it ended before its time; None if it did not.
        aftermath: what went wrong once its part was over; None if nothing did.
    """

    def __init__(self, index: int, spec: LoadSpec, events: ExecutorEvents) -> None:
        self.fresh: list[IntervalSnapshot] = []
        self.problem: StormdbError | None = None
        self.aftermath: StormdbError | None = None
        self._index = index
        self._spec = spec
        self._events = events
        self._ledger = Ledger(spec.plan, index, spec.processes)
        self._host: Host | None = None
        self._start_ns = 0
        self._heard_ns = 0
        self._over_ns = 0
        self._has_ended = False
        self._giving_up: asyncio.Task[PluginError] | None = None

    async def start(self) -> None:
        """Load the plugin, make the workload, open the connections."""
        spec = self._spec
        self._host = host = await Host.start(
            spec.plugin,
            spec.limits,
            access=Access.to_server(spec.target),
            module=_MODULE,
            on_log=self._on_log,
            on_event=self._on_event,
        )
        await host.create_workload(spec.config.workload)
        await host.request("connect", asdict(spec.share(self._index)), timeout_ns=0)

    async def run(self, start_ns: int) -> None:
        """Run the share to its end, let the plugin clean up, end the process.

        Whatever goes wrong is `problem` or `aftermath` afterwards, and the books are closed.
        """
        assert self._host is not None
        self._start_ns = self._heard_ns = start_ns
        self._over_ns = start_ns + self._spec.plan.duration_ns
        try:
            await self._host.request("run", {"start_ns": start_ns}, timeout_ns=0)
        except StormdbError as error:
            problem = await self._giving_up if self._giving_up else error
            await self._host.kill()
            if self._has_ended:  # the fault of the code, the same in every process
                self.problem = problem
            else:
                self.problem = self._named(problem)
                self._write_off()
            return
        try:
            await self._host.stop()
        except StormdbError as error:
            self.aftermath = error

    async def stop(self) -> None:
        """Tell it to offer no more."""
        assert self._host is not None
        self._over_ns = min(self._over_ns, time.monotonic_ns())
        try:
            await self._host.request("stop", timeout_ns=0)
        except StormdbError:
            return  # it has ended by itself meanwhile; `run` tells how

    def watch(self) -> None:
        """Kill the process if it hangs."""
        if self._has_ended or self._giving_up is not None:
            return
        now_ns = time.monotonic_ns()
        if now_ns > self._over_ns + self._spec.drain_ns + _GRACE_NS:
            self._giving_up = asyncio.create_task(self._give_up(now_ns - self._over_ns))
        elif now_ns - self._heard_ns > self._spec.plan.interval_ns + _SILENCE_NS:
            self._giving_up = asyncio.create_task(self._give_up(now_ns - self._heard_ns))

    async def kill(self) -> None:
        """End the process, in whatever state it is."""
        if self._host is not None:
            await self._host.kill()

    async def _give_up(self, limit_ns: int) -> PluginError:
        assert self._host is not None
        error = await self._host.give_up("run", limit_ns)
        return PluginError(
            error.message,
            where=error.where,
            hint="code in run() must neither block the event loop nor ignore its cancellation",
        )

    def _write_off(self) -> None:
        lost_ns = time.monotonic_ns() - self._start_ns
        snapshot, lost_count = self._ledger.write_off(lost_ns, self._over_ns - self._start_ns)
        self.fresh.append(snapshot)
        rest = (
            ""
            if self._spec.plan.is_open_loop
            else (
                f", and what it finished in the {format_duration(lost_ns - self._ledger.known_ns)} "
                "before is not in the figures"
            )
        )
        self._events.warning(
            f"worker process {self._index} was lost {format_duration(lost_ns)} after the start: "
            f"{format_count(lost_count)} transactions whose end it did not tell count as "
            f"unfinished{rest}"
        )

    def _named(self, error: StormdbError) -> StormdbError:
        if self._spec.processes == 1:
            return error
        return type(error)(
            f"worker process {self._index}: {error.message}", where=error.where, hint=error.hint
        )

    def _on_log(self, record: PluginLog) -> None:
        self._events.log(self._index, record.level, record.logger, record.message)

    def _on_event(self, message: dict[str, Any]) -> None:
        if message["event"] == "snapshot":
            self._heard_ns = time.monotonic_ns()
            snapshot = IntervalSnapshot.from_bytes(message["data"])
            self._ledger.add(snapshot, message["active_count"])
            self.fresh.append(snapshot)
        elif message["event"] == "load_ended":
            self._has_ended = True

"""`CoroutineExecutor`: the controller's side of the worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.errors import StormdbError
    from stormdb.executor.spec import LoadSpec

__all__ = ["CoroutineExecutor", "ExecutorEnd", "ExecutorEvents"]


class ExecutorEvents(Protocol):
    """Who hears what the worker processes say; called from the controller's event loop."""

    def log(self, process: int, level: str, logger: str, message: str) -> None:
        """Plugin code logged or printed something in worker process number `process`."""

    def warning(self, sentence: str) -> None:
        """Something that the user should know and that does not end the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorEnd:
    """How the load ended.

    Attributes:
        end_ns: when the last worker process ended its part, after the start of the run.
        problems: why it ended before its time: one error for each process that was lost, and for
            a plugin whose every call fails; empty if all went as planned.
    """

    end_ns: int
    problems: Sequence[StormdbError] = ()


class CoroutineExecutor:
    """Worker processes that call `run`, each with its share of workers, connections and arrivals.

    Used once: `start`, `go`, then `poll` about once per interval until `finished`; `stop` at any
    time ends the load early. `async with` ends every process however the block is left.

    Args:
        spec: the load.
        events: hears log records and warnings.
    """

    def __init__(self, spec: LoadSpec, events: ExecutorEvents) -> None:
        self.spec = spec
        self._events = events

    @property
    def processes(self) -> int:
        """How many worker processes carry the load."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start the processes: plugin loaded, connections open, ready to go.

        Raises:
            PluginError: the plugin cannot be loaded; names the plugin and the place.
            ConnectError: the server refused or cannot be reached.
        """
        raise NotImplementedError

    async def go(self, start_ns: int) -> None:
        """Start the load: phase 0 begins at this reading of the monotonic clock.

        Args:
            start_ns: `time.monotonic_ns()`, a little ahead.
        """
        raise NotImplementedError

    def poll(self) -> list[IntervalSnapshot]:
        """Snapshots that came since the last call: one per process and interval, not merged."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End the load early and orderly: offer no more, drain, return when all is delivered."""
        raise NotImplementedError

    async def finished(self) -> ExecutorEnd:
        """Wait until every process has ended its part; what they sent last is in `poll`."""
        raise NotImplementedError

"""`Executor`: what every executor offers to a run, whatever carries its load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.errors import StormdbError
    from stormdb.executor.spec import LoadSpec
    from stormdb.results import ExecutorInfo

__all__ = ["Executor", "ExecutorEnd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorEnd:
    """How the load ended.

    Attributes:
        end_ns: when the last process or thread ended its part, after the start of the run.
        problems: why it ended before its time: one error for each process that was lost or whose
            plugin code failed for good, or thread that broke off; empty if all went as planned.
        aftermath: what went wrong once all was measured and delivered, such as the plugin's
            `cleanup`; it costs no number.
    """

    end_ns: int
    problems: Sequence[StormdbError] = ()
    aftermath: Sequence[StormdbError] = ()


class Executor(Protocol):
    """Puts one load on a server.

    Used once: `start`, `go`, then `poll` about once per interval until `finished`; `stop` at any
    time after `go` ends the load early. `async with` ends everything however the block is left.

    Attributes:
        spec: the load.
    """

    spec: LoadSpec

    @property
    def info(self) -> ExecutorInfo:
        """What carries the load; complete once `start` has returned."""

    async def start(self) -> None:
        """Get ready to go: connections open, plugin loaded or statements prepared.

        Raises:
            PluginError: the plugin cannot be loaded; names the plugin and the place.
            ConnectError: the server refuses or cannot be reached.
        """

    async def go(self, start_ns: int) -> None:
        """Start the load: the first phase begins at this reading of the monotonic clock.

        Args:
            start_ns: `time.monotonic_ns()`, a little ahead.
        """

    def poll(self) -> list[IntervalSnapshot]:
        """Snapshots since the last call: one per interval and `info.part_count`, not merged."""

    async def stop(self) -> None:
        """End the load early and orderly: offer no more, drain, return when all is delivered."""

    async def finished(self) -> ExecutorEnd:
        """Wait for the end of the load; what was measured last is in `poll`."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

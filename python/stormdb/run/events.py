"""`RunEvents`: what a run tells while it goes on.

The live view and the plain-line view implement it. Every method is called from the controller's
event loop, in the order of the run; none may block for long, and none decides anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from stormdb.results import ExecutorInfo, PhaseInfo

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.results import RunResult

__all__ = ["LoadInfo", "LogRecord", "RunEvents", "Silent", "Stage"]


class Stage(StrEnum):
    """The parts of a run, in their order; those that a run does not need are left out."""

    PLUGIN = "load plugin"
    START_SERVER = "start server"
    CONNECT = "connect"
    CHECK = "check"
    CLEANUP = "cleanup"
    SETUP = "setup"
    LOAD = "load"
    DRAIN = "drain"
    VERIFY = "verify"
    STOP_SERVER = "stop server"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One line that plugin code logged or printed.

    Attributes:
        plugin: name of the plugin, or the name of its file as long as its metadata is unknown.
        level: `debug`, `info`, `warning` or `error`.
        message: the text; one line or several.
        logger: name of the logger, `stdout` or `stderr`.
        process: `host`, or `worker 3` for a worker process.
    """

    plugin: str
    level: str
    message: str
    logger: str = ""
    process: str = "host"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadInfo:
    """What is known when the load of a workload is about to start.

    Attributes:
        name: of the workload in this run; its type unless the run has several.
        workload: the workload type.
        arrival: `closed`, `constant`, `poisson` or `trace`.
        rate_per_s: mean offered rate of the steady phases; None in closed loop.
        workers: how many transactions can be under way at once.
        connections: size of the pool, over all processes and threads.
        executor: what carries the load.
        start_ns: `time.monotonic_ns()` at which interval 0 and the first phase start.
        start_after_ns: how long after the start of the run that is.
        interval_ns: length of an interval; intervals are also cut at the ends of phases.
        phases: as planned, in order; times are nanoseconds after `start_ns`.
    """

    name: str
    workload: str
    arrival: str
    rate_per_s: float | None
    workers: int
    connections: int
    executor: ExecutorInfo
    start_ns: int
    start_after_ns: int = 0
    interval_ns: int
    phases: Sequence[PhaseInfo]


class RunEvents(Protocol):
    """Who watches a run."""

    def stage_started(self, stage: Stage, detail: str = "") -> None:
        """A stage begins; `detail` is for people, such as `PostgreSQL 18.6 on /tmp/pg1`."""

    def stage_ended(self, stage: Stage, duration_ns: int) -> None:
        """The stage is over and went well; a stage that failed has no end."""

    def progress(self, done: int, total: int | None, what: str) -> None:
        """How far the plugin's setup, cleanup or verify is; `total` is None if not known."""

    def log(self, record: LogRecord) -> None:
        """Plugin code logged or printed something."""

    def load_started(self, load: LoadInfo) -> None:
        """All executors are ready; called once for each workload, before the first one starts."""

    def interval(self, workload: str, snapshot: IntervalSnapshot) -> None:
        """One interval of a workload, merged over processes and threads.

        Once per index, in order. `workload` is the name in `LoadInfo`.
        """

    def warning(self, sentence: str) -> None:
        """Something that the user should know and that does not end the run."""

    def finished(self, results: Sequence[RunResult]) -> None:
        """The run is over, well or not, and this is what each workload measured. Called once."""

    def close(self) -> None:
        """Give back what was taken, such as the cursor; any number of times."""


class Silent:
    """Nobody watches: `--quiet`, and the base of views that want a few of the events."""

    def stage_started(self, stage: Stage, detail: str = "") -> None:
        """Nothing."""

    def stage_ended(self, stage: Stage, duration_ns: int) -> None:
        """Nothing."""

    def progress(self, done: int, total: int | None, what: str) -> None:
        """Nothing."""

    def log(self, record: LogRecord) -> None:
        """Nothing."""

    def load_started(self, load: LoadInfo) -> None:
        """Nothing."""

    def interval(self, workload: str, snapshot: IntervalSnapshot) -> None:
        """Nothing."""

    def warning(self, sentence: str) -> None:
        """Nothing."""

    def finished(self, results: Sequence[RunResult]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

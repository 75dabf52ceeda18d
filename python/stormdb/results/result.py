"""`RunResult`: everything that is known when a run has ended.

Every summary, plot and comparison is arithmetic on it and can be redone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from stormdb.errors import ExitCode
from stormdb.plugin import Finding

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.results.calibration import Calibration

__all__ = [
    "ExecutorInfo",
    "Finding",
    "PhaseInfo",
    "PluginInfo",
    "RunResult",
    "ServerInfo",
    "Status",
]


class Status(StrEnum):
    """How the run ended."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseInfo:
    """One phase as planned, and as far as it was run.

    Attributes:
        name: unique within the run.
        role: `warm_up`, `ramp`, `steady` or `cool_down`.
        start_ns: after the start of the run.
        end_ns: after the start of the run; the planned end, or when the run was stopped if earlier.
        planned_ns: length that was asked for.
    """

    name: str
    role: str
    start_ns: int
    end_ns: int
    planned_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """The server that was measured.

    Attributes:
        version: such as `18.6`.
        version_num: such as 180006.
        host: as given, without user or password; a folder for a Unix socket.
        port: TCP port, or the number in the socket's name.
        dbname: database.
        embedded: True if stormdb started it for this run.
        tls: protocol and cipher of the connection, "" without TLS.
        settings: server settings that matter for speed, as `SHOW` prints them.
    """

    version: str
    version_num: int
    host: str
    port: int
    dbname: str
    embedded: bool
    tls: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """The plugin that made the load.

    Attributes:
        name: from its metadata.
        version: from its metadata.
        source: file, folder or distribution that it came from.
        digest: `sha256:` and 64 hexadecimal digits over its content.
        packages: those of its own environment, such as `numpy==2.4.6`; with `--locked` as the lock
            has them, with the digests of their files.
    """

    name: str
    version: str
    source: str
    digest: str
    packages: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorInfo:
    """What carried the load.

    Attributes:
        kind: `native` (threads that execute described transactions) or `coroutine` (worker
            processes that call `run`).
        processes: how many processes; 1 if native: stormdb's own.
        threads: how many threads in each of them.
        io: native: `uring` or `poll`; "" for coroutines.
        program_digest: native: `sha256:` and 64 hexadecimal digits over what the described
            transactions were compiled to; "" for coroutines.
    """

    kind: Literal["native", "coroutine"]
    processes: int = 1
    threads: int = 1
    io: str = ""
    program_digest: str = ""

    @property
    def part_count(self) -> int:
        """How many parts measure and deliver on their own."""
        return self.processes * self.threads

    def parts(self, count: int) -> str:
        """So many of these parts, in words."""
        word = "engine thread" if self.kind == "native" else "worker process"
        plural = "s" if self.kind == "native" else "es"
        return f"{count} {word}{'' if count == 1 else plural}"


@dataclass(slots=True, kw_only=True)
class RunResult:
    """What one workload of a run was, where, and what was measured of it.

    Attributes:
        name: of the workload in its run; its type unless the run had several.
        start_after_ns: when its first phase started, after the start of the run.
        status: how it ended.
        problem: why it failed or was cut; "" if it completed.
        is_whole: False if the load broke off or lost a part; what failed after it cost no number.
        exit_code: what the run itself says: it was interrupted, it failed, or all is well so far.
        started_at: wall clock at the start of the first phase, UTC.
        workload: the workload type.
        config: the resolved configuration without secrets.
        config_digest: `sha256:` and 64 hexadecimal digits over `config`, and over the arrivals of a
            trace file.
        seed: seed of schedule and workload.
        arrival: `closed`, `constant`, `poisson` or `trace`.
        workers: how many transactions could be under way at once.
        connections: size of the pool.
        executor: what carried the load.
        generator: facts about the machine that generated the load: stormdb, python, platform, cpus.
        server: the server.
        plugin: the plugin.
        phases: as planned and as run, in order.
        intervals: one merged snapshot per interval, by index; a gap means nothing arrived for it.
        findings: what `verify` found; None if it was not run.
        warnings: sentences collected during the run.
        calibration: what the generator reaches on this machine; None if it was not measured.
    """

    status: Status
    problem: str = ""
    is_whole: bool = True
    exit_code: ExitCode = ExitCode.MET
    started_at: datetime
    name: str
    start_after_ns: int = 0
    workload: str
    config: Mapping[str, Any]
    config_digest: str
    seed: int
    arrival: str
    workers: int
    connections: int
    executor: ExecutorInfo
    generator: Mapping[str, str | int]
    server: ServerInfo
    plugin: PluginInfo
    phases: Sequence[PhaseInfo]
    intervals: Sequence[IntervalSnapshot] = ()
    findings: Sequence[Finding] | None = None
    warnings: Sequence[str] = ()
    calibration: Calibration | None = None

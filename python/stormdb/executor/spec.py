"""`LoadSpec`: everything that an executor needs to put the load on a server; its shares."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from stormdb._native import Plan

if TYPE_CHECKING:
    from stormdb.config import ConnectTarget, PluginLimits, RetrySettings
    from stormdb.plugin import Config
    from stormdb.plugins import PluginRecord

__all__ = ["LoadSpec", "Share", "part"]


def _default_retry() -> RetrySettings:
    from stormdb.config import RetrySettings

    return RetrySettings()


def _default_limits() -> PluginLimits:
    from stormdb.config import PluginLimits

    return PluginLimits()


def part(total: int, count: int, index: int) -> range:
    """The numbers below `total` that one of `count` gets: as fair as whole numbers can be."""
    return range(total * index // count, total * (index + 1) // count)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """The load, whole: each worker process or thread computes its own share of it.

    Attributes:
        plan: phases, intervals, arrivals.
        think_time_ns: mean pause of a closed-loop worker between two calls.
        think_time_distribution: `constant` or `exponential`.
        max_queue: arrivals that may wait for a free worker, over all of them; >= 1.
        processes: coroutine executor: worker processes; 1 <= processes <= config.workers,
            config.connections.
        threads: native executor: threads, within the same limits.
        io: native executor: `auto`, `uring` or `poll`.
        protocol: native executor: `prepared`, `extended` or `simple`. A connection for one
            transaction never prepares: it is `extended` where others are `prepared`.
        transient_ratio: native executor: part of the transactions that have a connection of their
            own; 0 for none, 1 for all. In between each thread needs two connections.
        max_lag_ns: open loop: an arrival that is later than this is dropped instead of started; 0
            for no limit.
        max_error_ratio: the run is ended early once more than this part of its transactions have
            failed; None for no limit.
        transaction_timeout_ns: native executor: limit of one transaction without its pauses; 0 for
            none.
        retry: what happens to transactions that end by 40001 or 40P01.
        target: the server.
        config: what the plugin sees: workers, connections, seed, schema and more.
        plugin: where the plugin comes from.
        limits: what each process of it may use.
        isolation: default isolation level of a transaction; "" for the server's.
        statement_timeout_ns: limit of one statement; 0 for the server's.
        drain_ns: how long transactions may go on after the last phase, or after `stop`.
    """

    plan: Plan
    think_time_ns: int = 0
    think_time_distribution: str = "constant"
    max_queue: int = 100_000
    processes: int = 1
    threads: int = 1
    io: str = "auto"
    protocol: str = "prepared"
    transient_ratio: float = 0.0
    max_lag_ns: int = 0
    max_error_ratio: float | None = None
    transaction_timeout_ns: int = 0
    retry: RetrySettings = field(default_factory=_default_retry)
    target: ConnectTarget
    config: Config
    plugin: PluginRecord
    limits: PluginLimits = field(default_factory=_default_limits)
    isolation: str = ""
    statement_timeout_ns: int = 0
    drain_ns: int = 2_000_000_000

    def share(self, process_index: int) -> Share:
        """What one of the processes does."""
        workers = part(self.config.workers, self.processes, process_index)
        return Share(
            process_index=process_index,
            process_count=self.processes,
            plan=self.plan.to_bytes(),
            first_worker=workers.start,
            workers=len(workers),
            connections=len(part(self.config.connections, self.processes, process_index)),
            max_queue=len(part(self.max_queue, self.processes, process_index)),
            max_lag_ns=self.max_lag_ns,
            think_time_ns=self.think_time_ns,
            is_exponential=self.think_time_distribution == "exponential",
            max_tries=self.retry.max_tries,
            backoff_ns=self.retry.backoff_ns,
            drain_ns=self.drain_ns,
            target=self.target.to_wire(),
            server_settings=self.server_settings,
            config=asdict(self.config),
        )

    @property
    def server_settings(self) -> dict[str, str]:
        """Of each session, besides those of the target."""
        schema = self.config.schema.replace('"', '""')
        settings = {"search_path": f'"{schema}", public'}
        if self.isolation:
            settings["default_transaction_isolation"] = self.isolation
        if self.statement_timeout_ns:
            settings["statement_timeout"] = f"{max(1, self.statement_timeout_ns // 10**6)}ms"
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One process's part of a `LoadSpec`, as it travels over the pipe.

    Attributes:
        process_index: number of the process, and its node in the schedule.
        process_count: how many processes there are.
        plan: `Plan.to_bytes`.
        first_worker: number of its first worker in the run.
        workers: how many it has.
        connections: how many it has.
        max_queue: arrivals that may wait in it.
        max_lag_ns: as `LoadSpec`.
        think_time_ns: mean pause between two calls.
        is_exponential: the pause is drawn from an exponential distribution; else it is constant.
        max_tries: as `RetrySettings`.
        backoff_ns: as `RetrySettings`.
        drain_ns: as `LoadSpec`.
        target: `ConnectTarget.to_wire`.
        server_settings: of each session.
        config: fields of the `Config` that the plugin sees.
    """

    process_index: int
    process_count: int
    plan: bytes
    first_worker: int
    workers: int
    connections: int
    max_queue: int
    max_lag_ns: int
    think_time_ns: int
    is_exponential: bool
    max_tries: int
    backoff_ns: int
    drain_ns: int
    target: dict[str, Any] = field(repr=False)
    server_settings: dict[str, str]
    config: dict[str, Any]

"""`LoadSpec`: everything that an executor needs to put the load on a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb._native import Plan
    from stormdb.config import ConnectTarget
    from stormdb.plugin import Config
    from stormdb.plugins import PluginRecord

__all__ = ["LoadSpec", "RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """What happens to a call that a serialization failure or a deadlock ended (40001, 40P01).

    Attributes:
        max_tries: how often the call is made at most, the first one included; 1 never retries.
        backoff_ns: mean pause before the second try; doubles with each further try, jittered.
    """

    max_tries: int = 1
    backoff_ns: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """The load, whole: each worker process computes its own share of it.

    Attributes:
        plan: phases and intervals.
        arrival: `closed`, `constant` or `poisson`.
        think_time_ns: mean pause of a closed-loop worker between two calls.
        think_time: `constant` or `exponential`: how the pause is drawn.
        max_queue: arrivals that may wait for a free worker, over all processes; >= 1.
        workers: calls of `run` that may be active at once, over all processes.
        connections: size of the pool, over all processes.
        processes: worker processes; None for one per core. Never more than `workers` or
            `connections`.
        seed: seed of schedule, think times, back-off and `ctx.random`.
        retry: retry policy.
        target: the server.
        config: what the plugin sees.
        plugin: where the plugin comes from.
        isolation: default isolation level of a transaction; "" for the server's.
        statement_timeout_ns: limit of one statement; 0 for the server's.
        drain_ns: how long calls in flight may take to finish after the last phase or `stop`.
    """

    plan: Plan
    arrival: str
    think_time_ns: int = 0
    think_time: str = "constant"
    max_queue: int = 1
    workers: int
    connections: int
    processes: int | None = None
    seed: int
    retry: RetryPolicy = RetryPolicy()
    target: ConnectTarget
    config: Config
    plugin: PluginRecord
    isolation: str = ""
    statement_timeout_ns: int = 0
    drain_ns: int = 2_000_000_000

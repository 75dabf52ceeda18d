"""`Calibration`: what the generator reaches on this machine against a server that takes no time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Calibration", "Ceiling", "Transport"]

Transport = Literal["unix", "tcp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The most that one shape of the generator did, with transactions of one statement.

    Attributes:
        executor: `native` or `coroutine`.
        io: native: `uring` or `poll`; "" for coroutines.
        parts: engine threads, or worker processes.
        transport: `unix` (socket) or `tcp` (loopback).
        connections: over all parts, each busy all the time.
        throughput_per_s: transactions per second.
        cpu_ns: CPU time of the generator per transaction, used or waited for.
        busy_ratio: of the busiest part; near 1 the generator was the limit, below it the server.
        server_busy_ratio: CPU time of the server over time; 1 is one core.
        schedule_lag_p99_ns: of arrivals at half of that throughput.
    """

    executor: Literal["native", "coroutine"]
    io: str
    parts: int
    transport: Transport
    connections: int
    throughput_per_s: float
    cpu_ns: float
    busy_ratio: float
    server_busy_ratio: float
    schedule_lag_p99_ns: int

    @property
    def shape(self) -> tuple[str, str, int, str, int]:
        """What it was measured for."""
        return (self.executor, self.io, self.parts, self.transport, self.connections)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All ceilings of a machine.

    Attributes:
        machine: what they depend on: processor, its cores, the kernel, the version of stormdb.
        measured_at: wall clock of the last measurement, UTC.
        ceilings: one for each shape.
    """

    machine: Mapping[str, str | int]
    measured_at: datetime
    ceilings: tuple[Ceiling, ...]

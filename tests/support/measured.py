"""Results of runs that took place on paper: known times, recorded by the real recorder.

`open_run` and `closed_run` play a queue with a given service time per transaction, so that every
figure of a report can be worked out beside it. `result_of` wraps any recorder.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stormdb._native import Histogram, IntervalSnapshot, Phase, Plan, Rate, Recorder, Schedule
from stormdb.results import (
    ExecutorInfo,
    Finding,
    PhaseInfo,
    PluginInfo,
    RunResult,
    ServerInfo,
    Status,
)

SECOND_NS = 10**9
MS_NS = 10**6


def histogram_of(*times_ns: int) -> Histogram:
    """These times, recorded."""
    histogram = Histogram()
    for time_ns in times_ns:
        histogram.record(time_ns)
    return histogram


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What becomes of one transaction.

    Attributes:
        service_ns: how long the server takes.
        row: name of the transaction.
        sqlstate: it fails with this one; "" commits.
        message: of the failure.
        retried: SQLSTATEs that it was tried again for.
        rolls_back: ends in a deliberate rollback.
        parts: operations in it: name and service time.
    """

    service_ns: int
    row: str = "transfer"
    sqlstate: str = ""
    message: str = ""
    retried: Sequence[str] = ()
    rolls_back: bool = False
    parts: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a result says beside the measurements."""

    workers: int = 4
    connections: int = 4
    processes: int = 1
    status: Status = Status.COMPLETED
    problem: str = ""
    is_whole: bool = True
    settings: Mapping[str, str] = field(
        default_factory=lambda: {
            "fsync": "on",
            "full_page_writes": "on",
            "max_connections": "100",
            "max_wal_size": "1GB",
            "shared_buffers": "128MB",
            "synchronous_commit": "on",
        }
    )
    host: str = "db.example"
    embedded: bool = False
    findings: Sequence[Finding] | None = ()
    warnings: Sequence[str] = ()
    config: Mapping[str, Any] = field(
        default_factory=lambda: {"workload": "bank", "scale": 10, "duration": "40s"}
    )
    cpu_ratio: float = 0.3
    loop_lag_ns: int = 200_000


def plan(
    phases: Sequence[tuple[str, str, float]],
    *,
    rate_per_s: float | None,
    arrival: str = "constant",
    seed: int = 7,
) -> Plan:
    """A plan of (name, role, seconds) with intervals of a second; closed loop without a rate."""
    rate = None if rate_per_s is None else Rate.hold(round(rate_per_s * 1e6))
    return Plan(
        [Phase(name, role, round(s * SECOND_NS), rate) for name, role, s in phases],  # type: ignore[arg-type]
        arrival=arrival,  # type: ignore[arg-type]
        seed=seed,
    )


def result_of(
    made: Plan, intervals: Sequence[IntervalSnapshot], arrival: str, facts: Facts
) -> RunResult:
    """A result around snapshots."""
    phases = []
    start_ns = 0
    for phase in made.phases:
        phases.append(
            PhaseInfo(
                name=phase.name,
                role=phase.role,
                start_ns=start_ns,
                end_ns=start_ns + phase.duration_ns,
                planned_ns=phase.duration_ns,
            )
        )
        start_ns += phase.duration_ns
    return RunResult(
        status=facts.status,
        problem=facts.problem,
        is_whole=facts.is_whole,
        started_at=datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC),
        name="bank",
        workload="bank",
        config=facts.config,
        config_digest="sha256:" + "c0" * 32,
        seed=7,
        arrival=arrival,
        workers=facts.workers,
        connections=facts.connections,
        executor=ExecutorInfo(kind="coroutine", processes=facts.processes),
        generator={
            "stormdb": "0.1.0",
            "python": "3.11.9",
            "platform": "Linux-6.1-x86_64",
            "cpus": 8,
        },
        server=ServerInfo(
            version="18.6",
            version_num=180006,
            host=facts.host,
            port=5432,
            dbname="shop",
            embedded=facts.embedded,
            tls="TLSv1.3 TLS_AES_256_GCM_SHA384",
            settings=facts.settings,
        ),
        plugin=PluginInfo(
            name="bank", version="1.0.0", source="plugins/bank.py", digest="sha256:" + "ab" * 32
        ),
        phases=phases,
        intervals=intervals,
        findings=facts.findings,
        warnings=facts.warnings,
    )


def open_run(
    phases: Sequence[tuple[str, str, float]],
    outcome: Callable[[int, int], Outcome],
    *,
    rate_per_s: float,
    arrival: str = "constant",
    max_queue: int = 10**9,
    facts: Facts | None = None,
    extra: Callable[[Recorder], None] = lambda recorder: None,
) -> RunResult:
    """Arrivals of a schedule, served in order by `facts.workers` workers.

    Args:
        phases: (name, role, seconds).
        outcome: what becomes of arrival number i that starts at a time.
        rate_per_s: offered rate.
        arrival: `constant` or `poisson`.
        max_queue: arrivals that may wait; more are dropped as `queue_full`.
        facts: what the result says beside.
        extra: records more, such as custom metrics.
    """
    facts = facts or Facts()
    made = plan(phases, rate_per_s=rate_per_s, arrival=arrival)
    recorder = Recorder(made)
    free = [(0, worker) for worker in range(facts.workers)]
    waiting: deque[int] = deque()
    for index, intended_ns, _ in Schedule(made):
        recorder.offer(intended_ns)
        while waiting and waiting[0] <= intended_ns:
            waiting.popleft()
        if len(waiting) >= max_queue:
            recorder.drop(intended_ns, "queue_full")
            continue
        at_ns, worker = heapq.heappop(free)
        start_ns = max(at_ns, intended_ns)
        waiting.append(start_ns)
        end_ns = _record(recorder, outcome(index, start_ns), worker, intended_ns, start_ns)
        heapq.heappush(free, (end_ns, worker))
    extra(recorder)
    return result_of(made, _snapshots(made, recorder, max(free)[0], facts), arrival, facts)


def closed_run(
    phases: Sequence[tuple[str, str, float]],
    outcome: Callable[[int, int], Outcome],
    *,
    facts: Facts | None = None,
    extra: Callable[[Recorder], None] = lambda recorder: None,
) -> RunResult:
    """Workers that start the next transaction when the last one is over, until the phases end.

    Args:
        phases: (name, role, seconds).
        outcome: what becomes of worker w's transaction that starts at a time.
        facts: what the result says beside.
        extra: records more, such as custom metrics.
    """
    facts = facts or Facts()
    made = plan(phases, rate_per_s=None)
    recorder = Recorder(made)
    last_ns = 0
    for worker in range(facts.workers):
        at_ns = 0
        while at_ns < made.duration_ns:
            recorder.offer(at_ns)
            at_ns = _record(recorder, outcome(worker, at_ns), worker, None, at_ns)
        last_ns = max(last_ns, at_ns)
    extra(recorder)
    return result_of(made, _snapshots(made, recorder, last_ns, facts), "closed", facts)


def _record(
    recorder: Recorder, outcome: Outcome, worker: int, intended_ns: int | None, start_ns: int
) -> int:
    row = recorder.row(outcome.row)
    end_ns = start_ns + outcome.service_ns
    arrival_ns = start_ns if intended_ns is None else intended_ns
    for sqlstate in outcome.retried:
        recorder.retry(row, arrival_ns, end_ns, sqlstate)
    if outcome.sqlstate:
        recorder.fail(row, worker, intended_ns, start_ns, end_ns, outcome.sqlstate, outcome.message)
    elif outcome.rolls_back:
        recorder.roll_back(row, worker, intended_ns, start_ns, end_ns)
    else:
        recorder.commit(row, worker, intended_ns, start_ns, end_ns)
    for name, service_ns in outcome.parts:
        recorder.commit(
            recorder.row(name, "operation"), worker, None, start_ns, start_ns + service_ns
        )
    return end_ns


def _snapshots(
    made: Plan, recorder: Recorder, last_ns: int, facts: Facts
) -> list[IntervalSnapshot]:
    """All intervals, with the load of each process noted in each."""
    end_ns = max(last_ns, made.duration_ns)
    snapshots = recorder.finish(end_ns)
    for process in range(facts.processes):
        # A recorder of its own, because a gauge belongs to the newest interval.
        gauges = Recorder(made, process)
        for snapshot in snapshots:
            interval = snapshot.first_interval
            cpu_ns = round((interval.end_ns - interval.start_ns) * facts.cpu_ratio)
            gauges.gauge(cpu_ns, facts.loop_lag_ns, 50 * 2**20)
            for handed_out in gauges.flip(interval.end_ns):
                snapshot.merge(handed_out)
    return snapshots

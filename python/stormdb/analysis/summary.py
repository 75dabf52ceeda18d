"""`Summary`: what a run's measurements say, in plain numbers; every report is drawn from it.

Times are nanoseconds, rates are per second, ratios are 0 to 1. Unless a name says otherwise a
number is about the steady phases: a transaction counts there if it arrived in one, whenever it
finished; a rate counts what finished in the intervals of these phases, over their true length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from stormdb.analysis.distribution import TimeBucket, TimeStats, Value
from stormdb.analysis.verdict import CeilingUse, Verdict
from stormdb.results import ExecutorInfo, Finding, PluginInfo, ServerInfo, Status

__all__ = [
    "Counter",
    "Failure",
    "IntervalPoint",
    "PhaseSummary",
    "ProcessLoad",
    "RateEstimate",
    "RowSummary",
    "RunFacts",
    "RunWarning",
    "Severity",
    "Summary",
    "ThresholdOutcome",
    "WorkerSpread",
    "total_of",
]

TimeKind = Literal["response_time", "service_time"]


class Severity(StrEnum):
    """What a warning means for the numbers."""

    UNTRUSTED = "untrusted"
    DOUBT = "doubt"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWarning:
    """One thing that a sceptic would say about the run.

    Attributes:
        severity: `untrusted`: do not use the numbers; `doubt`: use them with care; `note`: know it.
        code: stable word for programs, such as `short_run`.
        text: what was seen, with values.
        remedy: what to do about it.
    """

    severity: Severity
    code: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSummary:
    """One kind of transaction, one operation, or all transactions together.

    Attributes:
        name: as the workload named it; `all` for the total.
        kind: `transaction`, or `operation`: a part of a transaction, outside of the accounting.
        committed_count: committed.
        rolled_back_count: rolled back on purpose.
        failed_count: ended by an error.
        retried_count: tries made beyond the first.
        row_count: rows that its statements returned or changed; 0 where the executor does not see
            the protocol, as the bytes.
        sent_bytes: of the protocol to the server, before encryption.
        received_bytes: of the protocol from the server, before encryption.
        throughput_per_s: committed per second.
        share_ratio: share of this row in all committed transactions; 0 for operations.
        response_time: finish - intended start; None in closed loop and for operations.
        service_time: finish - start; None if none committed.
        schedule_lag: start - intended start; None in closed loop and for operations.
        failed_service_time: finish - start of the failed ones; None if none failed.
    """

    name: str
    kind: Literal["transaction", "operation"]
    committed_count: int
    rolled_back_count: int
    failed_count: int
    retried_count: int
    row_count: int
    sent_bytes: int
    received_bytes: int
    throughput_per_s: float
    share_ratio: float
    response_time: TimeStats | None
    service_time: TimeStats | None
    schedule_lag: TimeStats | None
    failed_service_time: TimeStats | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateEstimate:
    """Throughput of the steady phases and how sure it is, for this run on this day.

    Attributes:
        per_s: committed in the steady intervals over their true length.
        low_per_s: lower end of the 95 % interval of the mean; None if none can be given.
        high_per_s: upper end; None if none can be given.
        interval_count: how many whole intervals it rests on.
        effective_count: how many independent ones these are worth.
        autocorrelation: of neighbouring intervals, corrected for its bias; 0 if negative.
        why_no_interval: reason if none can be given, else "".
    """

    per_s: float
    low_per_s: float | None
    high_per_s: float | None
    interval_count: int
    effective_count: float
    autocorrelation: float
    why_no_interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Failed transactions and operations of one SQLSTATE.

    Attributes:
        sqlstate: five characters; `other` for those beyond the recorder's table.
        condition: its name, PostgreSQL's or, for the class PY, stormdb's; "" if it has none.
        count: failed transactions of the steady phases.
        other_phases_count: failed transactions of the other phases.
        rows: failed ones of the steady phases by row, operations included.
        retried_count: tries that were repeated because of it in the steady phases.
        example: the first message of the run.
    """

    sqlstate: str
    condition: str
    count: int
    other_phases_count: int
    rows: Mapping[str, int]
    retried_count: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseSummary:
    """The accounting of one phase.

    offered = committed + rolled back + failed + dropped + unfinished

    Attributes:
        name: of the phase; `total` for the sum.
        role: `warm_up`, `ramp`, `steady` or `cool_down`; "" for the sum.
        start_ns: after the start of the run.
        length_ns: how long it really was.
        planned_ns: how long it should have been.
        offered_count: transactions that came due.
        committed_count: committed.
        rolled_back_count: rolled back on purpose.
        failed_count: ended by an error.
        dropped_count: never started.
        unfinished_count: started or queued, and given up at the end.
        holds: whether the sum is right.
    """

    name: str
    role: str
    start_ns: int
    length_ns: int
    planned_ns: int
    offered_count: int
    committed_count: int
    rolled_back_count: int
    failed_count: int
    dropped_count: int
    unfinished_count: int
    holds: bool


def total_of(phases: Sequence[PhaseSummary]) -> PhaseSummary:
    """The sum over phases, named `total`."""
    return PhaseSummary(
        name="total",
        role="",
        start_ns=min((phase.start_ns for phase in phases), default=0),
        length_ns=sum(phase.length_ns for phase in phases),
        planned_ns=sum(phase.planned_ns for phase in phases),
        offered_count=sum(phase.offered_count for phase in phases),
        committed_count=sum(phase.committed_count for phase in phases),
        rolled_back_count=sum(phase.rolled_back_count for phase in phases),
        failed_count=sum(phase.failed_count for phase in phases),
        dropped_count=sum(phase.dropped_count for phase in phases),
        unfinished_count=sum(phase.unfinished_count for phase in phases),
        holds=all(phase.holds for phase in phases),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A custom counter over a stretch of the run.

    Attributes:
        name: as the workload named it.
        count: total of the stretch.
        rate_per_s: over its true length.
    """

    name: str
    count: int
    rate_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalPoint:
    """One interval of the run's time line, all phases.

    Attributes:
        interval_index: its number.
        phase: name of the phase that it lies in; `drain` after the last one.
        role: role of that phase; `drain` after the last one.
        start_ns: after the start of the run.
        length_ns: true length.
        offered_count: came due in it.
        committed_count: finished in it.
        rolled_back_count: finished in it.
        failed_count: finished in it.
        retried_count: retries made in it.
        dropped_count: dropped in it.
        throughput_per_s: committed over the true length.
        time_p50_ns: median of `Summary.main_time`; None if none committed.
        time_p99_ns: 99th percentile of it.
        time_max_ns: largest.
        time_mean_ns: mean.
        counters: custom counters of the interval.
        values: custom values of the interval.
    """

    interval_index: int
    phase: str
    role: str
    start_ns: int
    length_ns: int
    offered_count: int
    committed_count: int
    rolled_back_count: int
    failed_count: int
    retried_count: int
    dropped_count: int
    throughput_per_s: float
    time_p50_ns: int | None
    time_p99_ns: int | None
    time_max_ns: int | None
    time_mean_ns: float | None
    counters: tuple[Counter, ...] = ()
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpread:
    """How evenly the load lay on the workers, over the steady intervals.

    Attributes:
        worker_count: workers that were to take part.
        idle_count: workers that finished nothing.
        busy_ratio: share of the workers' time that was spent inside transactions.
        throughput_min_per_s: of the slowest worker.
        throughput_median_per_s: of the middle one.
        throughput_max_per_s: of the fastest one.
        service_time_mean_min_ns: smallest of the workers' mean service times.
        service_time_mean_median_ns: the middle one.
        service_time_mean_max_ns: the largest one.
    """

    worker_count: int
    idle_count: int
    busy_ratio: float
    throughput_min_per_s: float
    throughput_median_per_s: float
    throughput_max_per_s: float
    service_time_mean_min_ns: float
    service_time_mean_median_ns: float
    service_time_mean_max_ns: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLoad:
    """Load of one process of the generator over the steady intervals.

    Attributes:
        process_index: its number.
        cpu_busy_ratio: CPU time, used and waited for, over time; near 1 a process can do no more.
        loop_lag_max_ns: worst lateness of its event loop.
        loop_lag_median_ns: median over the intervals of their worst lateness.
        memory_max_bytes: largest resident memory of the whole run.
    """

    process_index: int
    cpu_busy_ratio: float
    loop_lag_max_ns: int
    loop_lag_median_ns: float
    memory_max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdOutcome:
    """Whether a condition was met.

    Attributes:
        text: the condition as written, such as `p99 < 20ms`.
        is_met: whether it holds; never true for something that was not measured.
        value: what was measured, in the unit; None if it was not.
        unit: `ns`, `per_s`, `ratio` or "" (a plain number).
        note: why nothing was measured, or how far the value can be relied on; else "".
    """

    text: str
    is_met: bool
    value: float | None
    unit: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What was run, where.

    Attributes:
        status: `completed`, `interrupted` or `failed`.
        problem: why it failed or was cut; "" if it completed.
        started_at: wall clock at the start of the first phase, UTC.
        name: of the workload in its run; its type unless the run had several.
        start_after_ns: when the first phase started, after the start of the run.
        workload: the workload type.
        arrival: `closed`, `constant`, `poisson` or `trace`.
        seed: seed of schedule and workload.
        workers: how many transactions could be under way at once.
        connections: size of the pool.
        executor: what carried the load.
        config: the resolved configuration without secrets.
        config_digest: digest over it, and over the arrivals of a trace file.
        generator: facts about the machine that generated the load.
        server: the server.
        plugin: the plugin.
        findings: what `verify` found; None if it was not run.
    """

    status: Status
    problem: str
    started_at: datetime
    name: str
    start_after_ns: int
    workload: str
    arrival: str
    seed: int
    workers: int
    connections: int
    executor: ExecutorInfo
    config: Mapping[str, Any]
    config_digest: str
    generator: Mapping[str, str | int]
    server: ServerInfo
    plugin: PluginInfo
    findings: tuple[Finding, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything that the reports read.

    Attributes:
        run: what was run, where.
        steady_ns: true length of the steady intervals that were measured.
        main_time: what a bare `p99` is of: `response_time`; in closed loop, `service_time`.
        throughput: committed per second with its interval.
        offered_per_s: transactions that came due per second.
        error_ratio: failed over all that finished (committed, rolled back, failed).
        dropped_ratio: dropped over offered.
        retry_ratio: tries beyond the first over all that finished.
        total: all transactions together.
        transactions: by kind, in the order of their names.
        operations: parts of transactions.
        failures: by SQLSTATE, most frequent first.
        drops: dropped arrivals of the steady phases by reason.
        counters: custom counters over the steady intervals.
        values: custom values over the steady intervals.
        workers: spread over the workers; None if none finished anything.
        generator_load: the generator's own processes.
        phases: accounting of each phase.
        accounting: the sum over the phases.
        intervals: the time line.
        distribution: main time of all transactions in buckets of equal ratio, without gaps, 10 to
            100 a decade.
        clamped_count: times of the whole run that were recorded as the end of the range.
        ceiling: how much of its ceiling the generator used; None if that was not measured.
        verdict: what set the pace; None if nothing was measured.
        warnings: what a sceptic would say, gravest first.
        thresholds: the conditions that the run had to meet, and whether it did.
    """

    run: RunFacts
    steady_ns: int
    main_time: TimeKind
    throughput: RateEstimate
    offered_per_s: float
    error_ratio: float
    dropped_ratio: float
    retry_ratio: float
    total: RowSummary
    transactions: tuple[RowSummary, ...]
    operations: tuple[RowSummary, ...]
    failures: tuple[Failure, ...]
    drops: Mapping[str, int]
    counters: tuple[Counter, ...]
    values: tuple[Value, ...]
    workers: WorkerSpread | None
    generator_load: tuple[ProcessLoad, ...]
    phases: tuple[PhaseSummary, ...]
    accounting: PhaseSummary
    intervals: tuple[IntervalPoint, ...]
    distribution: tuple[TimeBucket, ...]
    clamped_count: int
    ceiling: CeilingUse | None = None
    verdict: Verdict | None = None
    warnings: tuple[RunWarning, ...] = ()
    thresholds: tuple[ThresholdOutcome, ...] = ()

    @property
    def is_open_loop(self) -> bool:
        """Whether arrivals ignore completions."""
        return self.main_time == "response_time"

    @property
    def is_met(self) -> bool:
        """Whether every threshold was met."""
        return all(outcome.is_met for outcome in self.thresholds)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the numbers cannot be trusted; empty if they can."""
        return tuple(w.text for w in self.warnings if w.severity is Severity.UNTRUSTED)

    @property
    def is_trusted(self) -> bool:
        """Whether nothing was seen that makes the numbers worthless."""
        return not self.reasons

    def main_time_of(self, row: RowSummary) -> TimeStats | None:
        """The main time of a row; operations have their service time only."""
        if row.kind == "transaction" and self.is_open_loop:
            return row.response_time
        return row.service_time

"""`summarise`: from what was measured to what it says."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

from stormdb.analysis.custom import counters, values
from stormdb.analysis.rows import merged, row_summary, time_buckets, total_summary
from stormdb.analysis.sqlstates import condition_name
from stormdb.analysis.summary import (
    Failure,
    IntervalPoint,
    PhaseSummary,
    ProcessLoad,
    RateEstimate,
    RowSummary,
    RunFacts,
    Summary,
    WorkerSpread,
    total_of,
)
from stormdb.analysis.thresholds import evaluate
from stormdb.analysis.throughput import mean_estimate
from stormdb.analysis.timeline import Timeline, interval_point, merged_snapshot
from stormdb.analysis.verdict import ceiling_use, verdict_of
from stormdb.analysis.warning_rules import warnings_of

if TYPE_CHECKING:
    from stormdb._native import Cell, IntervalSnapshot
    from stormdb.config import Threshold
    from stormdb.results import RunResult

__all__ = ["summarise"]


def summarise(result: RunResult, thresholds: Sequence[Threshold] = ()) -> Summary:
    """Compute everything that a report shows. Pure: the same result gives the same summary.

    Args:
        result: what was measured.
        thresholds: conditions to decide.
    """
    timeline = Timeline.of(result)
    is_open_loop = result.arrival != "closed"
    whole = merged_snapshot(result.intervals)
    steady = merged_snapshot(timeline.steady)
    steady_s = timeline.steady_ns / 1e9
    arrived = [] if whole is None else whole.row_totals(timeline.steady_phases)
    finished = [] if steady is None else steady.row_totals()
    transactions, operations, total = _rows(arrived, finished, steady_s)
    points = tuple(
        interval_point(snapshot, result.phases, is_open_loop=is_open_loop)
        for snapshot in result.intervals
    )
    phases = _phases(result, whole)
    in_steady = total_of([phase for phase in phases if phase.role == "steady"])
    finished_count = total.committed_count + total.rolled_back_count + total.failed_count
    main_time = "response_time" if is_open_loop else "service_time"
    summary = Summary(
        run=_facts(result),
        steady_ns=timeline.steady_ns,
        main_time=main_time,  # type: ignore[arg-type]
        throughput=_throughput(total, points, timeline),
        offered_per_s=_per_s(sum(_offered(s) for s in timeline.steady), steady_s),
        error_ratio=_ratio(total.failed_count, finished_count),
        dropped_ratio=_ratio(in_steady.dropped_count, in_steady.offered_count),
        retry_ratio=_ratio(total.retried_count, finished_count),
        total=total,
        transactions=transactions,
        operations=operations,
        failures=_failures(whole, arrived),
        drops=_drops(whole, timeline.steady_phases),
        counters=counters(steady, timeline.steady_ns) if steady else (),
        values=values(steady) if steady else (),
        workers=_workers(steady, steady_s, result.workers),
        generator_load=_generator_load(result.intervals, timeline),
        phases=phases,
        accounting=total_of(phases),
        intervals=points,
        distribution=time_buckets(
            merged(getattr(cell, main_time) for cell in arrived if cell.kind == "transaction")
        ),
        clamped_count=0 if whole is None else whole.clamped_count,
    )
    summary = replace(summary, ceiling=ceiling_use(summary, result.calibration))
    warnings = warnings_of(summary, result.warnings, is_whole=result.is_whole)
    return replace(
        summary,
        warnings=warnings,
        verdict=verdict_of(summary, warnings),
        thresholds=evaluate(thresholds, summary, arrived, steady),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _per_s(count: int, length_s: float) -> float:
    return count / length_s if length_s else 0.0


def _offered(snapshot: IntervalSnapshot) -> int:
    return sum(account.offered for account in snapshot.identity())


def _facts(result: RunResult) -> RunFacts:
    return RunFacts(
        status=result.status,
        problem=result.problem,
        started_at=result.started_at,
        name=result.name,
        start_after_ns=result.start_after_ns,
        workload=result.workload,
        arrival=result.arrival,
        seed=result.seed,
        workers=result.workers,
        connections=result.connections,
        executor=result.executor,
        config=result.config,
        config_digest=result.config_digest,
        generator=result.generator,
        server=result.server,
        plugin=result.plugin,
        findings=None if result.findings is None else tuple(result.findings),
    )


def _rows(
    arrived: Sequence[Cell], finished: Sequence[Cell], steady_s: float
) -> tuple[tuple[RowSummary, ...], tuple[RowSummary, ...], RowSummary]:
    """Transactions, operations and the total.

    Args:
        arrived: what arrived in the steady phases, whenever it finished.
        finished: what finished in the steady intervals, whenever it arrived.
        steady_s: length of these intervals.
    """
    committed = {(cell.kind, cell.name): cell.committed for cell in finished}
    share_base = sum(cell.committed for cell in arrived if cell.kind == "transaction")
    rows = [
        row_summary(
            cell,
            throughput_per_s=_per_s(committed.get((cell.kind, cell.name), 0), steady_s),
            share_ratio=(_ratio(cell.committed, share_base) if cell.kind == "transaction" else 0.0),
        )
        for cell in arrived
    ]
    total = total_summary(
        [cell for cell in arrived if cell.kind == "transaction"],
        throughput_per_s=_per_s(
            sum(cell.committed for cell in finished if cell.kind == "transaction"), steady_s
        ),
    )
    return (
        tuple(row for row in rows if row.kind == "transaction"),
        tuple(row for row in rows if row.kind == "operation"),
        total,
    )


def _throughput(
    total: RowSummary, points: Sequence[IntervalPoint], timeline: Timeline
) -> RateEstimate:
    """The rate over all steady intervals, and an interval from those of full length."""
    steady = {snapshot.interval_index for snapshot in timeline.steady}
    lengths = [point.length_ns for point in points if point.interval_index in steady]
    full_ns = max(lengths, default=0)
    estimate = mean_estimate(
        [
            point.throughput_per_s
            for point in points
            if point.interval_index in steady and point.length_ns == full_ns
        ]
    )
    half = estimate.half_width
    return RateEstimate(
        per_s=total.throughput_per_s,
        low_per_s=None if half is None else max(total.throughput_per_s - half, 0.0),
        high_per_s=None if half is None else total.throughput_per_s + half,
        interval_count=estimate.count,
        effective_count=estimate.effective_count,
        autocorrelation=estimate.autocorrelation,
        why_no_interval=estimate.why_none,
    )


def _failures(whole: IntervalSnapshot | None, arrived: Sequence[Cell]) -> tuple[Failure, ...]:
    if whole is None:
        return ()
    everywhere: Tally[str] = Tally()
    steady: Tally[str] = Tally()
    retried: Tally[str] = Tally()
    by_row: dict[str, dict[str, int]] = {}
    for cell in whole.row_totals():
        if cell.kind == "transaction":
            everywhere.update(cell.failed)
    for cell in arrived:
        if cell.kind == "transaction":
            steady.update(cell.failed)
            retried.update(cell.retried)
        for sqlstate, count in cell.failed.items():
            by_row.setdefault(sqlstate, {})[cell.name] = count
    examples = whole.examples
    codes = sorted(
        everywhere | retried | dict.fromkeys(by_row, 1),
        key=lambda code: (-steady[code], -retried[code], -everywhere[code], code),
    )
    return tuple(
        Failure(
            sqlstate=code,
            condition=condition_name(code),
            count=steady[code],
            other_phases_count=everywhere[code] - steady[code],
            rows=by_row.get(code, {}),
            retried_count=retried[code],
            example=examples.get(code, ""),
        )
        for code in codes
    )


def _drops(whole: IntervalSnapshot | None, steady_phases: Sequence[int]) -> Mapping[str, int]:
    drops: Tally[str] = Tally()
    for account in whole.identity() if whole else ():
        if account.phase_index in steady_phases:
            drops.update(account.dropped_by_reason)
    return dict(drops.most_common())


def _workers(
    steady: IntervalSnapshot | None, steady_s: float, worker_count: int
) -> WorkerSpread | None:
    """How even the load lay; a worker that has no entry has done nothing."""
    counts = list(steady.workers.values()) if steady else []
    active = [worker for worker in counts if worker.committed]
    if not active or not steady_s:
        return None
    idle_count = max(worker_count - len(active), 0)
    rates = [worker.committed / steady_s for worker in active] + [0.0] * idle_count
    means = [worker.service_sum_ns / worker.committed for worker in active]
    busy_ns = sum(worker.busy_ns for worker in counts)
    return WorkerSpread(
        worker_count=len(rates),
        idle_count=idle_count,
        busy_ratio=min(busy_ns / (steady_s * 1e9 * len(rates)), 1.0),
        throughput_min_per_s=min(rates),
        throughput_median_per_s=median(rates),
        throughput_max_per_s=max(rates),
        service_time_mean_min_ns=min(means),
        service_time_mean_median_ns=median(means),
        service_time_mean_max_ns=max(means),
    )


def _generator_load(
    intervals: Sequence[IntervalSnapshot], timeline: Timeline
) -> tuple[ProcessLoad, ...]:
    lengths = [
        (s.last_interval.end_ns - s.first_interval.start_ns, s.processes) for s in timeline.steady
    ]
    memory: dict[int, int] = {}
    for snapshot in intervals:
        for index, gauges in snapshot.processes.items():
            memory[index] = max(memory.get(index, 0), gauges.rss_bytes)
    loads = []
    for index in sorted({index for _, processes in lengths for index in processes}):
        mine = [(ns, processes[index]) for ns, processes in lengths if index in processes]
        loads.append(
            ProcessLoad(
                process_index=index,
                cpu_busy_ratio=sum(g.cpu_ns for _, g in mine) / sum(ns for ns, _ in mine),
                loop_lag_max_ns=max(g.loop_lag_max_ns for _, g in mine),
                loop_lag_median_ns=median(g.loop_lag_max_ns for _, g in mine),
                memory_max_bytes=memory[index],
            )
        )
    return tuple(loads)


def _phases(result: RunResult, whole: IntervalSnapshot | None) -> tuple[PhaseSummary, ...]:
    accounts = {account.phase_index: account for account in (whole.identity() if whole else ())}
    phases = []
    for index, phase in enumerate(result.phases):
        account = accounts.get(index)
        phases.append(
            PhaseSummary(
                name=phase.name,
                role=phase.role,
                start_ns=phase.start_ns,
                length_ns=phase.end_ns - phase.start_ns,
                planned_ns=phase.planned_ns,
                offered_count=account.offered if account else 0,
                committed_count=account.committed if account else 0,
                rolled_back_count=account.rolled_back if account else 0,
                failed_count=account.failed if account else 0,
                dropped_count=account.dropped if account else 0,
                unfinished_count=account.unfinished if account else 0,
                holds=account.holds if account else True,
            )
        )
    return tuple(phases)

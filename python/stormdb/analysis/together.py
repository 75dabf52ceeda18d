"""`summarise_run`: each workload of a run, and all of them as a whole, on the run's own clock."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from stormdb.analysis.distribution import TimeStats
from stormdb.analysis.rows import merged, time_stats, total_summary
from stormdb.analysis.summarise import summarise
from stormdb.analysis.summary import (
    IntervalPoint,
    PhaseSummary,
    RowSummary,
    Summary,
    ThresholdOutcome,
    TimeKind,
    total_of,
)
from stormdb.analysis.thresholds import evaluate_totals
from stormdb.analysis.timeline import Timeline, merged_snapshot
from stormdb.analysis.verdict import Verdict, verdict_together

if TYPE_CHECKING:
    from stormdb._native import Cell, IntervalSnapshot
    from stormdb.config import Threshold
    from stormdb.results import RunResult

__all__ = [
    "Company",
    "RunSummary",
    "Together",
    "TogetherPoint",
    "by_second",
    "summarise_run",
    "together",
]

_POINT_NS = 10**9

Span = tuple[int, int]
"""From and until, in nanoseconds after the start of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TogetherPoint:
    """One second of the run.

    Attributes:
        start_ns: after the start of the run.
        length_ns: a second, or what is left of the run.
        offered_per_s: came due.
        throughput_per_s: committed.
        failed_per_s: ended by an error.
        throughput_by_workload: committed by each workload, in the order of `Together.workloads`.
    """

    start_ns: int
    length_ns: int
    offered_per_s: float
    throughput_per_s: float
    failed_per_s: float
    throughput_by_workload: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """A workload in the steady intervals that it spent beside the same others.

    Attributes:
        workload: its name.
        beside: names of those whose load was on; none if it was alone.
        length_ns: how long.
        throughput_per_s: committed by it meanwhile.
        time: its main time: of the transactions that ended in these intervals.
    """

    workload: str
    beside: tuple[str, ...]
    length_ns: int
    throughput_per_s: float
    time: TimeStats | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """All workloads of a run as one.

    A transaction counts if it arrived in a steady phase of its workload. Rates are over the time in
    which at least one workload was steady.

    Attributes:
        workloads: their names.
        main_time: `response_time` if every workload has an open loop, else `service_time`.
        steady_ns: how long at least one workload was steady.
        total: all transactions.
        offered_per_s: transactions that came due in steady phases.
        error_ratio: failed over all that finished.
        dropped_ratio: dropped over offered.
        retry_ratio: tries beyond the first over all that finished.
        drops: dropped arrivals of the steady phases by reason.
        accounting: the sum over all phases of all workloads.
        intervals: the time line, by the second; a workload's interval that lies in two seconds
            counts in both by its parts.
        company: each workload by who was beside it, if that changed.
        verdict: what set the pace; None if nothing was measured.
        thresholds: the conditions for the whole, and whether they were met.
    """

    workloads: tuple[str, ...]
    main_time: TimeKind
    steady_ns: int
    total: RowSummary
    offered_per_s: float
    error_ratio: float
    dropped_ratio: float
    retry_ratio: float
    drops: Mapping[str, int]
    accounting: PhaseSummary
    intervals: tuple[TogetherPoint, ...]
    company: tuple[Company, ...]
    verdict: Verdict | None = None
    thresholds: tuple[ThresholdOutcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a run says: each of its workloads, and all of them together.

    Attributes:
        results: what was measured of each workload.
        workloads: what that says, in the same order.
        together: the workloads as one.
    """

    results: tuple[RunResult, ...]
    workloads: tuple[Summary, ...]
    together: Together


def summarise_run(
    results: Sequence[RunResult],
    thresholds: Mapping[str, Sequence[Threshold]] | None = None,
    of_all: Sequence[Threshold] = (),
) -> RunSummary:
    """Compute everything that the reports of a run show. Pure, as `summarise`.

    Args:
        results: of each workload, at least one.
        thresholds: conditions to decide, by the name of the workload.
        of_all: conditions for the workloads together.
    """
    own = thresholds or {}
    summaries = tuple(summarise(result, own.get(result.name, ())) for result in results)
    return RunSummary(
        results=tuple(results),
        workloads=summaries,
        together=together(results, summaries, of_all),
    )


def together(
    results: Sequence[RunResult],
    summaries: Sequence[Summary],
    thresholds: Sequence[Threshold] = (),
) -> Together:
    """Add up the workloads of a run. Pure, as `summarise`.

    Args:
        results: of each workload, at least one.
        summaries: of the same.
        thresholds: conditions for the whole.
    """
    timelines = [Timeline.of(result) for result in results]
    arrived = [
        cell
        for result, timeline in zip(results, timelines, strict=True)
        for cell in _transactions(merged_snapshot(result.intervals), timeline.steady_phases)
    ]
    spans = [_steady_spans(*pair) for pair in zip(results, timelines, strict=True)]
    steady_ns = _length_ns(span for some in spans for span in some)
    committed = sum(one.total.throughput_per_s * one.steady_ns / 1e9 for one in summaries)
    offered = sum(one.offered_per_s * one.steady_ns / 1e9 for one in summaries)
    in_steady = total_of([p for one in summaries for p in one.phases if p.role == "steady"])
    total = total_summary(arrived, throughput_per_s=_ratio(committed, steady_ns / 1e9))
    finished = total.committed_count + total.rolled_back_count + total.failed_count
    is_open_loop = all(one.is_open_loop for one in summaries)
    drops: Tally[str] = Tally()
    for one in summaries:
        drops.update(one.drops)
    whole = Together(
        workloads=tuple(result.name for result in results),
        main_time="response_time" if is_open_loop else "service_time",
        steady_ns=steady_ns,
        total=total,
        offered_per_s=_ratio(offered, steady_ns / 1e9),
        error_ratio=_ratio(total.failed_count, finished),
        dropped_ratio=_ratio(in_steady.dropped_count, in_steady.offered_count),
        retry_ratio=_ratio(total.retried_count, finished),
        drops=dict(drops.most_common()),
        accounting=total_of([phase for one in summaries for phase in one.phases]),
        intervals=tuple(by_second([(one.run.start_after_ns, one.intervals) for one in summaries])),
        company=tuple(_company(results, timelines)) if len(results) > 1 else (),
        verdict=verdict_together(summaries),
    )
    return replace(whole, thresholds=evaluate_totals(thresholds, whole, arrived))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _transactions(
    snapshot: IntervalSnapshot | None, phases: Sequence[int] | None = None
) -> list[Cell]:
    if snapshot is None:
        return []
    return [cell for cell in snapshot.row_totals(phases) if cell.kind == "transaction"]


def _span(result: RunResult, snapshot: IntervalSnapshot) -> Span:
    offset_ns = result.start_after_ns
    return (
        offset_ns + snapshot.first_interval.start_ns,
        offset_ns + snapshot.last_interval.end_ns,
    )


def _steady_spans(result: RunResult, timeline: Timeline) -> list[Span]:
    return [_span(result, snapshot) for snapshot in timeline.steady]


def _length_ns(spans: Iterable[Span]) -> int:
    """How long at least one of the spans lasts."""
    length_ns = covered_ns = 0
    for start_ns, end_ns in sorted(spans):
        length_ns += max(end_ns - max(start_ns, covered_ns), 0)
        covered_ns = max(covered_ns, end_ns)
    return length_ns


def by_second(courses: Sequence[tuple[int, Sequence[IntervalPoint]]]) -> Iterator[TogetherPoint]:
    """Each second of the run with its share of the workloads' intervals.

    Args:
        courses: of each workload, when it started after the start of the run, and its time line.
    """
    placed = [
        (index, offset_ns + point.start_ns, point)
        for index, (offset_ns, points) in enumerate(courses)
        for point in points
    ]
    end_ns = max((start_ns + point.length_ns for _, start_ns, point in placed), default=0)
    second_count = ceil(end_ns / _POINT_NS)
    committed = [[0.0] * len(courses) for _ in range(second_count)]
    offered, failed = [0.0] * second_count, [0.0] * second_count
    for index, start_ns, point in placed:
        if not point.length_ns:
            continue
        for second in range(start_ns // _POINT_NS, ceil((start_ns + point.length_ns) / _POINT_NS)):
            within_ns = min(start_ns + point.length_ns, (second + 1) * _POINT_NS)
            share = (within_ns - max(start_ns, second * _POINT_NS)) / point.length_ns
            committed[second][index] += share * point.committed_count
            offered[second] += share * point.offered_count
            failed[second] += share * point.failed_count
    for second in range(second_count):
        length_ns = min(_POINT_NS, end_ns - second * _POINT_NS)
        seconds = length_ns / 1e9
        yield TogetherPoint(
            start_ns=second * _POINT_NS,
            length_ns=length_ns,
            offered_per_s=offered[second] / seconds,
            throughput_per_s=sum(committed[second]) / seconds,
            failed_per_s=failed[second] / seconds,
            throughput_by_workload=tuple(count / seconds for count in committed[second]),
        )


def _company(results: Sequence[RunResult], timelines: Sequence[Timeline]) -> Iterator[Company]:
    """Each workload's steady intervals by who else was at work during the whole of them."""
    for result, timeline in zip(results, timelines, strict=True):
        others = [(other.name, _load_span(other)) for other in results if other is not result]
        found: dict[tuple[str, ...], list[IntervalSnapshot]] = {}
        for snapshot in timeline.steady:
            start_ns, end_ns = _span(result, snapshot)
            beside = [
                (name, span) for name, span in others if span[0] < end_ns and start_ns < span[1]
            ]
            # An interval in which another one comes or goes is of neither kind.
            if all(span[0] <= start_ns and end_ns <= span[1] for _, span in beside):
                found.setdefault(tuple(name for name, _ in beside), []).append(snapshot)
        if len(found) > 1:
            yield from (_in_company(result, *one) for one in found.items())


def _load_span(result: RunResult) -> Span:
    start_ns = result.start_after_ns
    return start_ns, start_ns + max(phase.end_ns for phase in result.phases)


def _in_company(
    result: RunResult, beside: tuple[str, ...], snapshots: Sequence[IntervalSnapshot]
) -> Company:
    cells = _transactions(merged_snapshot(snapshots))
    spans = [_span(result, snapshot) for snapshot in snapshots]
    length_ns = sum(end_ns - start_ns for start_ns, end_ns in spans)
    is_open_loop = result.arrival != "closed"
    return Company(
        workload=result.name,
        beside=beside,
        length_ns=length_ns,
        throughput_per_s=sum(cell.committed for cell in cells) / (length_ns / 1e9),
        time=time_stats(
            merged(cell.response_time if is_open_loop else cell.service_time for cell in cells)
        ),
    )

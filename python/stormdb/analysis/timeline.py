"""A run's intervals: which are steady, how long they truly were, and what happened in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.analysis.custom import counters, values
from stormdb.analysis.rows import merged
from stormdb.analysis.summary import IntervalPoint

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.results import PhaseInfo, RunResult

__all__ = ["DRAIN", "Timeline", "interval_point", "merged_snapshot"]

DRAIN = "drain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The intervals of a run, sorted out.

    Attributes:
        steady_phases: indexes of the steady phases.
        steady: snapshots of the steady intervals that rates are computed from.
        steady_ns: their true length together.
    """

    steady_phases: tuple[int, ...]
    steady: tuple[IntervalSnapshot, ...]
    steady_ns: int

    @classmethod
    def of(cls, result: RunResult) -> Timeline:
        """Sort out the intervals of a result.

        A phase that was stopped early ends within an interval, and what finished after the stop
        cannot be told from what finished before: that interval is left out, unless it is the only
        one.
        """
        phases = tuple(i for i, phase in enumerate(result.phases) if phase.role == "steady")
        within = [s for s in result.intervals if s.first_interval.phase_index in phases]
        whole = [s for s in within if s.last_interval.end_ns <= _end_ns(s, result.phases)]
        if whole:
            return cls(
                steady_phases=phases,
                steady=tuple(whole),
                steady_ns=sum(s.last_interval.end_ns - s.first_interval.start_ns for s in whole),
            )
        cut = [s for s in within if s.first_interval.start_ns < _end_ns(s, result.phases)]
        return cls(
            steady_phases=phases,
            steady=tuple(cut),
            steady_ns=sum(_end_ns(s, result.phases) - s.first_interval.start_ns for s in cut),
        )


def _end_ns(snapshot: IntervalSnapshot, phases: Sequence[PhaseInfo]) -> int:
    """When the phase of the interval really ended."""
    index = snapshot.first_interval.phase_index
    return snapshot.last_interval.end_ns if index is None else phases[index].end_ns


def merged_snapshot(snapshots: Sequence[IntervalSnapshot]) -> IntervalSnapshot | None:
    """All of them in one, the given ones left as they are; None if there is none."""
    if not snapshots:
        return None
    whole = snapshots[0].copy()
    for snapshot in snapshots[1:]:
        whole.merge(snapshot)
    return whole


def interval_point(
    snapshot: IntervalSnapshot, phases: Sequence[PhaseInfo], *, is_open_loop: bool
) -> IntervalPoint:
    """One point of the time line."""
    first = snapshot.first_interval
    phase = None if first.phase_index is None else phases[first.phase_index]
    if phase is not None and first.start_ns >= phase.end_ns:
        phase = None  # The run was stopped before; what is left is the drain.
    accounts = snapshot.identity()
    cells = [cell for cell in snapshot.row_totals() if cell.kind == "transaction"]
    times = merged(c.response_time if is_open_loop else c.service_time for c in cells)
    committed = sum(cell.committed for cell in cells)
    # A phase that was stopped early ends within its last interval.
    end_ns = snapshot.last_interval.end_ns
    length_ns = (end_ns if phase is None else min(end_ns, phase.end_ns)) - first.start_ns
    has_times = times.count > 0
    return IntervalPoint(
        interval_index=first.index,
        phase=DRAIN if phase is None else phase.name,
        role=DRAIN if phase is None else phase.role,
        start_ns=first.start_ns,
        length_ns=length_ns,
        offered_count=sum(account.offered for account in accounts),
        committed_count=committed,
        rolled_back_count=sum(cell.rolled_back for cell in cells),
        failed_count=sum(sum(cell.failed.values()) for cell in cells),
        retried_count=sum(sum(cell.retried.values()) for cell in cells),
        dropped_count=sum(account.dropped for account in accounts),
        throughput_per_s=committed / (length_ns / 1e9),
        time_p50_ns=times.quantile(0.5) if has_times else None,
        time_p99_ns=times.quantile(0.99) if has_times else None,
        time_max_ns=times.max_ns if has_times else None,
        time_mean_ns=times.mean_ns if has_times else None,
        counters=counters(snapshot, length_ns),
        values=values(snapshot),
    )

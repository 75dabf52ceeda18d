"""`Tracker`: the figures of a run that goes on, for the views that show them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.analysis.rows import merged
from stormdb.analysis.timeline import interval_point

if TYPE_CHECKING:
    from stormdb._native import Cell, Histogram, IntervalSnapshot
    from stormdb.analysis.summary import IntervalPoint
    from stormdb.results import PhaseInfo
    from stormdb.run import LoadInfo

__all__ = ["Failures", "Tracker"]

_POINTS = 512


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed transactions of one SQLSTATE so far."""

    sqlstate: str
    count: int
    example: str


class Tracker:
    """Adds up snapshots: the last interval, and all since the steady load began.

    Attributes:
        load: what is being run.
        points: the last 512 intervals.
    """

    def __init__(self, load: LoadInfo) -> None:
        self.load = load
        self.points: deque[IntervalPoint] = deque(maxlen=_POINTS)
        self._last: IntervalSnapshot | None = None
        self._so_far: IntervalSnapshot | None = None
        self._so_far_ns = 0
        self._is_steady = False
        self._in_flight: dict[int, int] = {}

    @property
    def is_open_loop(self) -> bool:
        """Whether response time is measured."""
        return self.load.arrival != "closed"

    @property
    def main_time(self) -> str:
        """Attribute of a cell that holds the main time: `response_time` or `service_time`."""
        return "response_time" if self.is_open_loop else "service_time"

    def add(self, snapshot: IntervalSnapshot) -> None:
        """Take in the next interval."""
        point = interval_point(snapshot, self.load.phases, is_open_loop=self.is_open_loop)
        self.points.append(point)
        self._last = snapshot
        if point.role == "steady" and not self._is_steady:
            # What came before is warm-up: the figures so far start anew.
            self._is_steady, self._so_far, self._so_far_ns = True, None, 0
        for account in snapshot.identity():
            index = account.phase_index
            self._in_flight[index] = self._in_flight.get(index, 0) + account.in_flight
        if self._is_steady and point.role != "steady":
            return
        self._so_far_ns += point.length_ns
        if self._so_far is None:
            self._so_far = snapshot.copy()
        else:
            self._so_far.merge(snapshot)

    def phase_at(self, now_ns: int) -> PhaseInfo | None:
        """The phase at a time after the load's start; None before the first and after the last."""
        return next((p for p in self.load.phases if p.start_ns <= now_ns < p.end_ns), None)

    @property
    def in_flight(self) -> int:
        """Transactions that were offered and have no outcome yet."""
        return max(sum(self._in_flight.values()), 0)

    @property
    def busy_workers(self) -> float:
        """How many workers were inside a transaction, on average over the last interval."""
        if self._last is None:
            return 0.0
        busy_ns = sum(worker.busy_ns for worker in self._last.workers.values())
        return min(busy_ns / self.points[-1].length_ns, float(self.load.workers))

    @property
    def generator_busy_ratio(self) -> float:
        """CPU of the busiest worker process over the last interval, in cores."""
        gauges = self._last.processes.values() if self._last else ()
        return max((g.cpu_ns for g in gauges), default=0) / (
            self.points[-1].length_ns if self.points else 1
        )

    @property
    def throughput_per_s(self) -> float:
        """Committed per second so far."""
        committed = sum(cell.committed for cell in self.rows())
        return committed / (self._so_far_ns / 1e9) if self._so_far_ns else 0.0

    @property
    def dropped_count(self) -> int:
        """Arrivals dropped so far."""
        return sum(account.dropped for account in self._so_far.identity()) if self._so_far else 0

    @property
    def so_far_s(self) -> float:
        """Seconds that the figures so far cover."""
        return self._so_far_ns / 1e9

    def rows(self) -> list[Cell]:
        """Transactions by name so far."""
        return _transactions(self._so_far)

    def last_times(self) -> Histogram:
        """Main time of all transactions of the last interval."""
        return merged(getattr(cell, self.main_time) for cell in _transactions(self._last))

    def times_so_far(self) -> Histogram:
        """Main time of all transactions so far."""
        return merged(getattr(cell, self.main_time) for cell in self.rows())

    def failures(self) -> Sequence[Failures]:
        """By SQLSTATE so far, most frequent first."""
        if self._so_far is None:
            return ()
        counts: dict[str, int] = {}
        for cell in self.rows():
            for sqlstate, count in cell.failed.items():
                counts[sqlstate] = counts.get(sqlstate, 0) + count
        examples = self._so_far.examples
        return [
            Failures(code, count, examples.get(code, ""))
            for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]


def _transactions(snapshot: IntervalSnapshot | None) -> list[Cell]:
    return [c for c in snapshot.row_totals() if c.kind == "transaction"] if snapshot else []

"""`Tracker`: the figures of a run that goes on, as plain numbers for the views that show them."""

from __future__ import annotations

from collections import Counter as Tally
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.analysis.custom import counters, values
from stormdb.analysis.rows import merged, time_stats
from stormdb.analysis.timeline import interval_point

if TYPE_CHECKING:
    from stormdb._native import Cell, IntervalSnapshot
    from stormdb.analysis.distribution import TimeStats, Value
    from stormdb.analysis.summary import Counter, IntervalPoint
    from stormdb.run.events import LoadInfo

__all__ = ["FailureFigures", "Figures", "RowFigures", "Tracker"]

_POINTS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFigures:
    """One transaction so far; times are the run's main time."""

    name: str
    committed_count: int
    failed_count: int
    throughput_per_s: float
    times: TimeStats | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureFigures:
    """Failed transactions of one SQLSTATE so far."""

    sqlstate: str
    count: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A run at the end of an interval. "So far" is since the steady load began, if it has.

    Attributes:
        points: the last 512 intervals, never none.
        throughput_per_s: committed per second so far.
        last_times: main time in the last interval.
        times: main time so far.
        rows: transactions so far.
        counters: custom counters so far.
        values: custom values so far.
        failures: by SQLSTATE so far, most frequent first.
        dropped_count: arrivals dropped so far.
        retried_count: retries so far.
        in_flight: offered without an outcome yet.
        busy_workers: inside a transaction, mean over the last interval.
        generator_busy_ratio: CPU of the busiest worker process over the last interval.
    """

    points: tuple[IntervalPoint, ...]
    throughput_per_s: float
    last_times: TimeStats | None
    times: TimeStats | None
    rows: tuple[RowFigures, ...]
    counters: tuple[Counter, ...]
    values: tuple[Value, ...]
    failures: tuple[FailureFigures, ...]
    dropped_count: int
    retried_count: int
    in_flight: int
    busy_workers: float
    generator_busy_ratio: float


class Tracker:
    """Adds up snapshots.

    Args:
        load: what is being run.
    """

    def __init__(self, load: LoadInfo) -> None:
        self._load = load
        self._is_open_loop = load.arrival != "closed"
        self._points: deque[IntervalPoint] = deque(maxlen=_POINTS)
        self._so_far: IntervalSnapshot | None = None
        self._so_far_ns = 0
        self._is_steady = False
        self._in_flight = 0

    def add(self, snapshot: IntervalSnapshot) -> Figures:
        """Take in the next interval."""
        point = interval_point(snapshot, self._load.phases, is_open_loop=self._is_open_loop)
        self._points.append(point)
        self._in_flight += sum(account.in_flight for account in snapshot.identity())
        if point.role == "steady" and not self._is_steady:
            # What came before is warm-up: the figures so far start anew.
            self._is_steady, self._so_far, self._so_far_ns = True, None, 0
        if self._so_far is None:
            self._so_far, self._so_far_ns = snapshot.copy(), point.length_ns
        elif point.role == "steady" or not self._is_steady:
            self._so_far.merge(snapshot)
            self._so_far_ns += point.length_ns
        return self._figures(snapshot, point, self._so_far)

    def _figures(
        self, last: IntervalSnapshot, point: IntervalPoint, so_far: IntervalSnapshot
    ) -> Figures:
        cells = _transactions(so_far)
        counts: Tally[str] = Tally()
        for cell in cells:
            counts.update(cell.failed)
        examples = so_far.examples
        seconds = self._so_far_ns / 1e9
        busy_ns = sum(worker.busy_ns for worker in last.workers.values())
        cpu_ns = max((gauges.cpu_ns for gauges in last.processes.values()), default=0)
        return Figures(
            points=tuple(self._points),
            throughput_per_s=sum(cell.committed for cell in cells) / seconds,
            last_times=self._times(_transactions(last)),
            times=self._times(cells),
            rows=tuple(
                RowFigures(
                    name=cell.name,
                    committed_count=cell.committed,
                    failed_count=sum(cell.failed.values()),
                    throughput_per_s=cell.committed / seconds,
                    times=self._times([cell]),
                )
                for cell in cells
            ),
            counters=counters(so_far, self._so_far_ns),
            values=values(so_far),
            failures=tuple(
                FailureFigures(sqlstate=code, count=count, example=examples.get(code, ""))
                for code, count in counts.most_common()
            ),
            dropped_count=sum(account.dropped for account in so_far.identity()),
            retried_count=sum(sum(cell.retried.values()) for cell in cells),
            in_flight=max(self._in_flight, 0),
            busy_workers=min(busy_ns / point.length_ns, float(self._load.workers)),
            generator_busy_ratio=cpu_ns / point.length_ns,
        )

    def _times(self, cells: list[Cell]) -> TimeStats | None:
        if self._is_open_loop:
            return time_stats(merged(cell.response_time for cell in cells))
        return time_stats(merged(cell.service_time for cell in cells))


def _transactions(snapshot: IntervalSnapshot) -> list[Cell]:
    return [cell for cell in snapshot.row_totals() if cell.kind == "transaction"]

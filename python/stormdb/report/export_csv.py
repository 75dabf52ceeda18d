"""The time line as CSV: one row per interval and transaction."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from stormdb.analysis.rows import merged, time_stats
from stormdb.analysis.timeline import interval_point

if TYPE_CHECKING:
    from stormdb._native import Cell, Histogram, IntervalSnapshot
    from stormdb.analysis.summary import IntervalPoint
    from stormdb.results import RunResult

__all__ = ["COLUMNS", "csv_report"]

_TIMES = ("response_time", "service_time", "schedule_lag")
_STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
COLUMNS = (
    "start_utc",
    "interval_index",
    "phase",
    "role",
    "start_s",
    "length_s",
    "kind",
    "row",
    "offered_count",
    "committed_count",
    "rolled_back_count",
    "failed_count",
    "retried_count",
    "dropped_count",
    "throughput_per_s",
    *(f"{time}_{statistic}_ns" for time in _TIMES for statistic in _STATISTICS),
)
"""The header; new columns are added at the end only."""


def csv_report(result: RunResult) -> Iterator[bytes]:
    """Lines of the file, header first.

    Each interval has a row of kind `total`, the only one with offered and dropped, then one per
    transaction and operation that finished something in it. What was not measured is empty.
    """
    yield _line(COLUMNS)
    for snapshot in result.intervals:
        yield from _interval(result, snapshot)


def _interval(result: RunResult, snapshot: IntervalSnapshot) -> Iterator[bytes]:
    point = interval_point(snapshot, result.phases, is_open_loop=result.arrival != "closed")
    start = result.started_at + timedelta(microseconds=point.start_ns / 1e3)
    head = (
        start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        point.interval_index,
        point.phase,
        point.role,
        f"{point.start_ns / 1e9:.3f}",
        f"{point.length_ns / 1e9:.3f}",
    )
    cells = snapshot.row_totals()
    yield _line((*head, *_total(point, [c for c in cells if c.kind == "transaction"])))
    for cell in cells:
        yield _line((*head, *_row(cell, point.length_ns)))


def _total(point: IntervalPoint, cells: Sequence[Cell]) -> list[object]:
    return [
        "total",
        "all",
        point.offered_count,
        point.committed_count,
        point.rolled_back_count,
        point.failed_count,
        point.retried_count,
        point.dropped_count,
        f"{point.throughput_per_s:.3f}",
        *_times([merged(getattr(cell, time) for cell in cells) for time in _TIMES]),
    ]


def _row(cell: Cell, length_ns: int) -> list[object]:
    return [
        cell.kind,
        cell.name,
        "",
        cell.committed,
        cell.rolled_back,
        sum(cell.failed.values()),
        sum(cell.retried.values()),
        "",
        f"{cell.committed / (length_ns / 1e9):.3f}",
        *_times([getattr(cell, time) for time in _TIMES]),
    ]


def _times(histograms: Sequence[Histogram]) -> Iterator[object]:
    for histogram in histograms:
        stats = time_stats(histogram)
        for statistic in _STATISTICS:
            yield "" if stats is None else round(getattr(stats, f"{statistic}_ns"))


def _line(values: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()

"""The time line as CSV: one row per interval and transaction, operation or custom metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from stormdb.analysis.rows import merged, time_stats
from stormdb.analysis.timeline import interval_point

if TYPE_CHECKING:
    from stormdb._native import Cell, Histogram, IntervalSnapshot
    from stormdb.analysis.distribution import Value
    from stormdb.analysis.summary import Counter
    from stormdb.results import RunResult

__all__ = ["COLUMNS", "csv_report"]

_TIMES = ("response_time", "service_time", "schedule_lag")
_STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
_METRIC_STATISTICS = ("mean", "min", "p50", "p95", "p99", "max")
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
    "metric_count",
    "metric_rate_per_s",
    *(f"metric_{statistic}" for statistic in _METRIC_STATISTICS),
    "workload",
)
"""The header; new columns are added at the end only."""


def csv_report(results: Sequence[RunResult]) -> Iterator[bytes]:
    """Lines of the file, header first; workload by workload, all on the clock of the run.

    Each interval has a row of kind `total`, the only one with offered and dropped, then one per
    transaction and operation that finished something in it, then one of kind `counter` or `value`
    per custom metric that it has. What was not measured, or does not apply, is empty.
    """
    yield _line(COLUMNS)
    for result in results:
        for snapshot in result.intervals:
            for row in _interval(result, snapshot):
                yield _line([row.get(column, "") for column in COLUMNS])


def _interval(result: RunResult, snapshot: IntervalSnapshot) -> Iterator[dict[str, object]]:
    point = interval_point(snapshot, result.phases, is_open_loop=result.arrival != "closed")
    start = result.started_at + timedelta(microseconds=point.start_ns / 1e3)
    head = {
        "start_utc": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "interval_index": point.interval_index,
        "phase": point.phase,
        "role": point.role,
        "workload": result.name,
        "start_s": f"{(result.start_after_ns + point.start_ns) / 1e9:.3f}",
        "length_s": f"{point.length_ns / 1e9:.3f}",
    }
    cells = snapshot.row_totals()
    transactions = [cell for cell in cells if cell.kind == "transaction"]
    yield {
        **head,
        "kind": "total",
        "row": "all",
        "offered_count": point.offered_count,
        "committed_count": point.committed_count,
        "rolled_back_count": point.rolled_back_count,
        "failed_count": point.failed_count,
        "retried_count": point.retried_count,
        "dropped_count": point.dropped_count,
        "throughput_per_s": f"{point.throughput_per_s:.3f}",
        **_times({time: merged(getattr(cell, time) for cell in transactions) for time in _TIMES}),
    }
    for cell in cells:
        yield head | _row(cell, point.length_ns)
    for counter in point.counters:
        rate = f"{counter.rate_per_s:.3f}"
        yield head | _metric("counter", counter) | {"metric_rate_per_s": rate}
    for value in point.values:
        numbers = {f"metric_{name}": getattr(value, name) for name in _METRIC_STATISTICS}
        yield head | _metric("value", value) | numbers


def _row(cell: Cell, length_ns: int) -> dict[str, object]:
    return {
        "kind": cell.kind,
        "row": cell.name,
        "committed_count": cell.committed,
        "rolled_back_count": cell.rolled_back,
        "failed_count": sum(cell.failed.values()),
        "retried_count": sum(cell.retried.values()),
        "throughput_per_s": f"{cell.committed / (length_ns / 1e9):.3f}",
        **_times({time: getattr(cell, time) for time in _TIMES}),
    }


def _metric(kind: str, metric: Counter | Value) -> dict[str, object]:
    return {"kind": kind, "row": metric.name, "metric_count": metric.count}


def _times(histograms: Mapping[str, Histogram]) -> dict[str, object]:
    return {
        f"{time}_{statistic}_ns": round(getattr(stats, f"{statistic}_ns"))
        for time, histogram in histograms.items()
        if (stats := time_stats(histogram)) is not None
        for statistic in _STATISTICS
    }


def _line(values: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()

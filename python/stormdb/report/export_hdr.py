"""The run as an HdrHistogram log, which other tools plot and merge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb.results import RunResult

__all__ = ["hdr_log"]

_TIMES = ("response_time", "service_time", "schedule_lag")


def hdr_log(result: RunResult) -> Iterator[bytes]:
    """One line per interval, transaction and time, tagged such as `transfer.response_time`."""
    from stormdb._native import HdrLog

    log = HdrLog(
        round(result.started_at.timestamp() * 1e9),
        f"stormdb {result.generator.get('stormdb', '')}, workload {result.workload}, "
        f"seed {result.seed}; values are nanoseconds",
    )
    for snapshot in result.intervals:
        first, last = snapshot.first_interval, snapshot.last_interval
        for cell in snapshot.row_totals():
            for time in _TIMES:
                histogram = getattr(cell, time)
                if histogram.count:
                    log.add(f"{cell.name}.{time}", first.start_ns, last.end_ns, histogram)
        yield log.take()

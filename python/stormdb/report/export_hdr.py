"""The run as an HdrHistogram log, which other tools plot and merge."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.results import RunResult

__all__ = ["hdr_log"]

_TIMES = ("response_time", "service_time", "schedule_lag")


def hdr_log(results: Sequence[RunResult]) -> Iterator[bytes]:
    """One line per interval, transaction and time, in the order of time.

    They are tagged such as `transfer.response_time`, of several workloads such as
    `checkout.transfer.response_time`.
    """
    from stormdb._native import HdrLog

    first = results[0]
    log = HdrLog(
        round(first.started_at.timestamp() * 1e9) - first.start_after_ns,
        f"stormdb {first.generator.get('stormdb', '')}, "
        + ", ".join(f"workload {result.name}, seed {result.seed}" for result in results)
        + "; values are nanoseconds",
    )
    courses = [_placed(result, is_named=len(results) > 1) for result in results]
    for offset_ns, prefix, snapshot in heapq.merge(*courses, key=_start_ns):
        start_ns = offset_ns + snapshot.first_interval.start_ns
        end_ns = offset_ns + snapshot.last_interval.end_ns
        for cell in snapshot.row_totals():
            for time in _TIMES:
                histogram = getattr(cell, time)
                if histogram.count:
                    log.add(f"{prefix}{cell.name}.{time}", start_ns, end_ns, histogram)
        yield log.take()


_Placed = tuple[int, str, "IntervalSnapshot"]
"""When its workload started, the prefix of its tags, and an interval."""


def _placed(result: RunResult, *, is_named: bool) -> Iterator[_Placed]:
    prefix = f"{result.name}." if is_named else ""
    return ((result.start_after_ns, prefix, snapshot) for snapshot in result.intervals)


def _start_ns(placed: _Placed) -> int:
    return placed[0] + placed[2].first_interval.start_ns

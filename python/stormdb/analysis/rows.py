"""Rows of a report and pictures of a distribution, out of cells and histograms."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from math import floor, log10
from typing import TYPE_CHECKING

from stormdb.analysis.distribution import TimeBucket, TimeStats
from stormdb.analysis.summary import RowSummary

if TYPE_CHECKING:
    from stormdb._native import Cell, Histogram

__all__ = ["QUANTILES", "merged", "row_summary", "time_buckets", "time_stats", "total_summary"]

QUANTILES: Mapping[str, float] = {
    "p50": 0.5,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p999": 0.999,
}
_FEWEST_BEYOND = 10
_PER_DECADE = (10, 20, 50, 100)
_FEWEST_BUCKETS = 30


def time_stats(histogram: Histogram) -> TimeStats | None:
    """Statistics of a histogram; None if it is empty.

    A quantile q of n samples rests on the n (1 - q) samples beyond it, give or take the root of
    that number. With fewer than 10 this is a third or more, and the quantile is marked.
    """
    count = histogram.count
    if not count:
        return None
    return TimeStats(
        count=count,
        min_ns=histogram.min_ns,
        mean_ns=histogram.mean_ns,
        stdev_ns=histogram.stdev_ns,
        p50_ns=histogram.quantile(QUANTILES["p50"]),
        p90_ns=histogram.quantile(QUANTILES["p90"]),
        p95_ns=histogram.quantile(QUANTILES["p95"]),
        p99_ns=histogram.quantile(QUANTILES["p99"]),
        p999_ns=histogram.quantile(QUANTILES["p999"]),
        max_ns=histogram.max_ns,
        unsupported=tuple(
            # Rounded, because 1 - 0.99 is not quite 0.01 in binary.
            name
            for name, share in QUANTILES.items()
            if round(count * (1 - share), 6) < _FEWEST_BEYOND
        ),
    )


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All samples together; the given histograms stay as they are."""
    from stormdb._native import Histogram

    whole = Histogram()
    for histogram in histograms:
        whole.merge(histogram)
    return whole


def row_summary(cell: Cell, *, throughput_per_s: float, share_ratio: float) -> RowSummary:
    """One row out of the cell of what arrived in the steady phases."""
    return RowSummary(
        name=cell.name,
        kind=cell.kind,
        committed_count=cell.committed,
        rolled_back_count=cell.rolled_back,
        failed_count=sum(cell.failed.values()),
        retried_count=sum(cell.retried.values()),
        row_count=cell.rows,
        sent_bytes=cell.sent_bytes,
        received_bytes=cell.received_bytes,
        throughput_per_s=throughput_per_s,
        share_ratio=share_ratio,
        response_time=time_stats(cell.response_time),
        service_time=time_stats(cell.service_time),
        schedule_lag=time_stats(cell.schedule_lag),
        failed_service_time=time_stats(cell.failed_service_time),
    )


def total_summary(cells: Sequence[Cell], *, throughput_per_s: float) -> RowSummary:
    """All transactions together, as a row named `all`."""
    return RowSummary(
        name="all",
        kind="transaction",
        committed_count=sum(cell.committed for cell in cells),
        rolled_back_count=sum(cell.rolled_back for cell in cells),
        failed_count=sum(sum(cell.failed.values()) for cell in cells),
        retried_count=sum(sum(cell.retried.values()) for cell in cells),
        row_count=sum(cell.rows for cell in cells),
        sent_bytes=sum(cell.sent_bytes for cell in cells),
        received_bytes=sum(cell.received_bytes for cell in cells),
        throughput_per_s=throughput_per_s,
        share_ratio=1.0,
        response_time=time_stats(merged(cell.response_time for cell in cells)),
        service_time=time_stats(merged(cell.service_time for cell in cells)),
        schedule_lag=time_stats(merged(cell.schedule_lag for cell in cells)),
        failed_service_time=time_stats(merged(cell.failed_service_time for cell in cells)),
    )


def time_buckets(histogram: Histogram) -> tuple[TimeBucket, ...]:
    """The distribution in buckets of equal ratio, without gaps, from the fastest to the slowest.

    10 a decade, or up to 100 where all times are alike. A bucket of the histogram goes whole to
    where its middle lies: it is 0.1 % wide, so the picture is right to that.
    """
    middles = [
        (log10(max((low_ns + high_ns) / 2, 1.0)), count)
        for low_ns, high_ns, count in histogram.buckets()
    ]
    if not middles:
        return ()
    decades = middles[-1][0] - middles[0][0]
    fineness = next((n for n in _PER_DECADE if n * decades >= _FEWEST_BUCKETS), _PER_DECADE[-1])
    tally: Tally[int] = Tally()
    for middle, count in middles:
        tally[floor(middle * fineness)] += count
    return tuple(
        TimeBucket(
            low_ns=round(10 ** (edge / fineness)),
            high_ns=round(10 ** ((edge + 1) / fineness)),
            count=tally[edge],
        )
        for edge in range(min(tally), max(tally) + 1)
    )

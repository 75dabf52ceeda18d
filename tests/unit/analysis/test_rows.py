"""Statistics and buckets of histograms, by numbers worked out beside them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import Histogram
from stormdb.analysis.rows import merged, time_buckets, time_stats
from tests.support.measured import MS_NS, histogram_of


def test_statistics_of_one_to_a_thousand_milliseconds() -> None:
    stats = time_stats(histogram_of(*(n * MS_NS for n in range(1, 1001))))
    assert stats is not None
    assert stats.count == 1000
    # A histogram is right within 0.1 %.
    assert stats.p50_ns == pytest.approx(500 * MS_NS, rel=1e-3)
    assert stats.p90_ns == pytest.approx(900 * MS_NS, rel=1e-3)
    assert stats.p95_ns == pytest.approx(950 * MS_NS, rel=1e-3)
    assert stats.p99_ns == pytest.approx(990 * MS_NS, rel=1e-3)
    assert stats.p999_ns == pytest.approx(999 * MS_NS, rel=1e-3)
    assert stats.max_ns == pytest.approx(1000 * MS_NS, rel=1e-3)
    assert stats.mean_ns == pytest.approx(500.5 * MS_NS, rel=1e-3)
    assert stats.stdev_ns == pytest.approx(288.7 * MS_NS, rel=2e-3)


def test_an_empty_histogram_has_no_statistics() -> None:
    assert time_stats(Histogram()) is None
    assert time_buckets(Histogram()) == ()


@pytest.mark.parametrize(
    ("count", "unsupported"),
    [
        (10_000, ()),
        (9_999, ("p999",)),
        (1_000, ("p999",)),
        (999, ("p99", "p999")),
        (20, ("p90", "p95", "p99", "p999")),
        (19, ("p50", "p90", "p95", "p99", "p999")),
    ],
)
def test_a_quantile_needs_ten_samples_beyond_it(count: int, unsupported: tuple[str, ...]) -> None:
    histogram = Histogram()
    histogram.record(MS_NS, count)
    stats = time_stats(histogram)
    assert stats is not None
    assert stats.unsupported == unsupported


def test_merging_leaves_the_parts_as_they_are() -> None:
    parts = [histogram_of(1 * MS_NS), histogram_of(2 * MS_NS, 3 * MS_NS)]
    assert merged(parts).count == 3
    assert [part.count for part in parts] == [1, 2]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_buckets_have_no_gap_and_lose_no_sample(times_ns: list[int]) -> None:
    buckets = time_buckets(histogram_of(*times_ns))
    assert sum(bucket.count for bucket in buckets) == len(times_ns)
    assert all(a.high_ns == b.low_ns for a, b in pairwise(buckets))
    assert buckets[0].count > 0
    assert buckets[-1].count > 0


@pytest.mark.parametrize(
    ("slowest_ns", "bucket_count"),
    # 10 a decade over 3 decades, 50 over one, 100 where all times are alike.
    [(1250 * MS_NS, 31), (10 * MS_NS, 51), (1.26 * MS_NS, 11)],
)
def test_buckets_are_finer_where_times_are_alike(slowest_ns: float, bucket_count: int) -> None:
    buckets = time_buckets(histogram_of(1_001_000, round(slowest_ns * 1.001)))
    assert len(buckets) == bucket_count
    assert buckets[0].low_ns == MS_NS

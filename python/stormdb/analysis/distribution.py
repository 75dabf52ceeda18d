"""What is known of a distribution: statistics of times and custom values, buckets of a picture."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TimeBucket", "TimeStats", "Value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeStats:
    """Distribution of one time of the committed transactions of a row.

    Attributes:
        count: how many were timed.
        min_ns: smallest, within 0.1 % as all of these.
        mean_ns: arithmetic mean.
        stdev_ns: standard deviation.
        p50_ns: median: half of them took no longer.
        p90_ns: 90th percentile.
        p95_ns: 95th percentile.
        p99_ns: 99th percentile.
        p999_ns: 99.9th percentile.
        max_ns: largest.
        unsupported: names of the quantiles, such as `p999`, with fewer than 10 samples beyond them:
            another run would give quite another value.
    """

    count: int
    min_ns: int
    mean_ns: float
    stdev_ns: float
    p50_ns: int
    p90_ns: int
    p95_ns: int
    p99_ns: int
    p999_ns: int
    max_ns: int
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBucket:
    """Committed transactions whose main time lies in [low_ns, high_ns), for a picture.

    Attributes:
        low_ns: inclusive.
        high_ns: exclusive.
        count: how many.
    """

    low_ns: int
    high_ns: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Distribution of a custom value over a stretch of the run, in the workload's own unit.

    Attributes:
        name: as the workload named it.
        count: samples.
        mean: exact.
        min: exact.
        p50: within 0.4 %, as the other percentiles.
        p95: 95th percentile.
        p99: 99th percentile.
        max: exact.
    """

    name: str
    count: int
    mean: float
    min: float
    p50: float
    p95: float
    p99: float
    max: float

"""The interval of a mean and the test for a drift, against series whose truth is known."""

from __future__ import annotations

from math import sqrt
from random import Random

import pytest

from stormdb.analysis.throughput import drift, mean_estimate

TRUE_MEAN = 500.0


def ar1(rng: Random, count: int, autocorrelation: float, stdev: float = 50.0) -> list[float]:
    """A stationary first-order autoregressive series around `TRUE_MEAN`."""
    value = rng.gauss(0, stdev)
    series = []
    for _ in range(count):
        series.append(TRUE_MEAN + value)
        value = autocorrelation * value + rng.gauss(0, stdev * sqrt(1 - autocorrelation**2))
    return series


def coverage(count: int, autocorrelation: float, repetitions: int = 600) -> float:
    """Share of simulated series whose 95 % interval holds the true mean."""
    rng = Random(f"{count} {autocorrelation}")
    hits = 0
    for _ in range(repetitions):
        estimate = mean_estimate(ar1(rng, count, autocorrelation))
        assert estimate.half_width is not None
        hits += abs(estimate.mean - TRUE_MEAN) <= estimate.half_width
    return hits / repetitions


# 600 repetitions at 0.95 have a standard error of 0.009.
@pytest.mark.parametrize("count", [30, 60, 300])
def test_interval_of_independent_intervals_holds_the_mean_19_times_of_20(count: int) -> None:
    assert 0.925 <= coverage(count, 0.0) <= 0.98


@pytest.mark.parametrize(
    ("count", "autocorrelation", "least"),
    [(20, 0.6, 0.89), (30, 0.6, 0.90), (60, 0.6, 0.92), (60, 0.8, 0.90), (300, 0.8, 0.92)],
)
def test_interval_of_dependent_intervals_holds_the_mean(
    count: int, autocorrelation: float, least: float
) -> None:
    assert coverage(count, autocorrelation) >= least


def test_an_interval_that_ignores_dependence_would_be_wrong() -> None:
    # What the estimate is there for: the usual formula claims 95 % and keeps about 50 %.
    rng = Random(3)
    hits = 0
    for _ in range(300):
        series = ar1(rng, 60, 0.8)
        mean = sum(series) / 60
        variance = sum((value - mean) ** 2 for value in series) / 59
        hits += abs(mean - TRUE_MEAN) <= 2.0 * sqrt(variance / 60)
    assert hits / 300 < 0.65


def test_effective_count_follows_the_formula_for_long_series() -> None:
    estimate = mean_estimate(ar1(Random(5), 20_000, 0.5))
    assert estimate.autocorrelation == pytest.approx(0.5, abs=0.02)
    assert estimate.effective_count == pytest.approx(20_000 / 3, rel=0.05)
    # 1.96 standard errors of the mean, each 50 / sqrt(n / 3).
    assert estimate.half_width == pytest.approx(1.96 * 50 / sqrt(20_000 / 3), rel=0.05)


def test_negative_dependence_is_taken_as_none() -> None:
    series = [TRUE_MEAN + (1 if index % 2 else -1) for index in range(40)]
    estimate = mean_estimate(series)
    assert estimate.autocorrelation == 0
    assert estimate.effective_count == 40


def test_a_constant_series_is_known_exactly() -> None:
    estimate = mean_estimate([TRUE_MEAN] * 12)
    assert (estimate.mean, estimate.half_width) == (TRUE_MEAN, 0)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_fewer_than_ten_intervals_give_no_interval_and_say_why(count: int) -> None:
    estimate = mean_estimate([TRUE_MEAN] * count)
    assert estimate.half_width is None
    assert estimate.why_none == f"{count} whole intervals, 10 are needed"


def test_drift_of_a_straight_line_is_its_change_over_the_mean() -> None:
    trend = drift([100 + index for index in range(101)])
    assert trend is not None
    assert trend.ratio == pytest.approx(100 / 150)
    assert trend.is_significant


@pytest.mark.parametrize("autocorrelation", [0.0, 0.6])
def test_drift_of_steady_series_is_rarely_significant(autocorrelation: float) -> None:
    rng = Random(11)
    trends = [drift(ar1(rng, 60, autocorrelation)) for _ in range(400)]
    assert sum(trend is not None and trend.is_significant for trend in trends) / 400 < 0.05


def test_drift_of_a_falling_series_with_noise_is_found() -> None:
    rng = Random(13)
    found = 0
    for _ in range(100):
        series = [value - index for index, value in enumerate(ar1(rng, 120, 0.3, stdev=30))]
        trend = drift(series)
        found += trend is not None and trend.is_significant and trend.ratio < -0.1
    assert found > 90


@pytest.mark.parametrize("series", [[1.0] * 9, [0.0] * 20])
def test_drift_is_not_given_for_too_few_intervals_or_for_nothing(series: list[float]) -> None:
    assert drift(series) is None

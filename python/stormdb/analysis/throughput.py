"""How sure a mean over intervals is, and whether it drifts, when neighbours resemble each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

__all__ = ["Drift", "MeanEstimate", "drift", "mean_estimate"]

_FEWEST_INTERVALS = 10
_FEWEST_EFFECTIVE = 2.0
_PLAIN_TREND = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanEstimate:
    """A mean with its 95 % interval.

    Attributes:
        mean: arithmetic mean.
        half_width: of the interval; None if none can be given.
        count: samples.
        effective_count: how many independent samples these are worth.
        autocorrelation: of neighbours, corrected for its bias, 0 <= r < 1.
        why_none: reason if there is no interval, else "".
    """

    mean: float
    half_width: float | None
    count: int
    effective_count: float
    autocorrelation: float
    why_none: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A straight trend through a series.

    Attributes:
        ratio: change from the first to the last sample, over the mean.
        is_significant: whether it is more than chance gives in about 1 of 100 steady runs (1 of 20
            where neighbours are very much alike, 1 of 10 in series that are short as well).
    """

    ratio: float
    is_significant: bool


def mean_estimate(samples: Sequence[float]) -> MeanEstimate:
    """Mean of a series of equally long intervals and its 95 % interval.

    Throughput of neighbouring intervals is alike (checkpoints, caches, vacuum), so n intervals
    are worth fewer independent ones. The series is taken as AR(1): its autocorrelation r, corrected
    for the bias of short series and never below 0, gives the effective count
    m = n (1 - r) / (1 + r); the variance is corrected for the same reason; the interval is that of
    Student's t with m - 1 degrees of freedom.

    Args:
        samples: one value per interval, in order of time.

    Returns:
        An estimate without interval if there are fewer than 10 samples. An interval may be wide
        beyond use, and then says so truthfully: at least 9 in 10 such intervals hold the true mean,
        for r up to 0.8 from 20 samples on, and 19 in 20 in longer series.

    Source: Bayley and Hammersley, The "effective" number of independent observations in an
        autocorrelated time series (1946); Marriott and Pope, Bias in the estimation of
        autocorrelations (1954); Zwiers and von Storch, Taking serial correlation into account in
        tests of the mean (1995).
    """
    count = len(samples)
    mean = sum(samples) / count if count else 0.0
    if count < _FEWEST_INTERVALS:
        return MeanEstimate(
            mean=mean,
            half_width=None,
            count=count,
            effective_count=float(count),
            autocorrelation=0.0,
            why_none=f"{count} whole intervals, {_FEWEST_INTERVALS} are needed",
        )
    autocorrelation = _autocorrelation([value - mean for value in samples], fitted_count=1)
    effective = _effective_count(count, autocorrelation)
    squares = sum((value - mean) ** 2 for value in samples)
    # The mean square is too small by the variance of the mean itself, which is 1/m of the variance.
    variance = squares / count / (1 - 1 / effective)
    half_width = _student(effective - 1, 0.975) * sqrt(variance / effective)
    return MeanEstimate(
        mean=mean,
        half_width=half_width,
        count=count,
        effective_count=effective,
        autocorrelation=autocorrelation,
    )


def drift(samples: Sequence[float]) -> Drift | None:
    """Least-squares trend of a series, tested at 1 % with autocorrelated residuals.

    A trend that explains four fifths of the variance is significant without a test: a curve leaves
    smooth residuals, which look like dependence and would hide it.

    Args:
        samples: one value per interval, in order of time.

    Returns:
        None if there are fewer than 10 samples or their mean is 0.

    Source: as `mean_estimate`; the slope's variance is scaled by n / m in the same way.
    """
    count = len(samples)
    mean = sum(samples) / count if count else 0.0
    if count < _FEWEST_INTERVALS or mean == 0:
        return None
    middle = (count - 1) / 2
    spread = sum((index - middle) ** 2 for index in range(count))
    slope = sum((i - middle) * (value - mean) for i, value in enumerate(samples)) / spread
    residuals = [value - mean - slope * (i - middle) for i, value in enumerate(samples)]
    ratio = slope * (count - 1) / mean
    squares = sum(value**2 for value in residuals)
    explained = slope**2 * spread
    if explained > _PLAIN_TREND * (explained + squares):
        return Drift(ratio=ratio, is_significant=True)
    effective = _effective_count(count, _autocorrelation(residuals, fitted_count=2))
    if not explained or effective <= 3:  # Fewer than one degree of freedom.
        return Drift(ratio=ratio, is_significant=False)
    # Variance squares / n / (1 - 2/m), times n/m for dependence, over the spread of the indexes.
    error = sqrt(squares / (effective - 2) / spread)
    return Drift(ratio=ratio, is_significant=abs(slope) > _student(effective - 2, 0.995) * error)


def _autocorrelation(deviations: Sequence[float], *, fitted_count: int) -> float:
    """Lag-1 autocorrelation, kept within 0 .. 0.99.

    Corrected for its bias -(k + 4 r) / n, where k is how many parameters were fitted and taken off.
    """
    count = len(deviations)
    squares = sum(value**2 for value in deviations)
    if squares == 0:
        return 0.0
    raw = sum(a * b for a, b in pairwise(deviations)) / squares
    return min(max((count * raw + fitted_count) / (count - 4), 0.0), 0.99)


def _effective_count(count: int, autocorrelation: float) -> float:
    return max(count * (1 - autocorrelation) / (1 + autocorrelation), _FEWEST_EFFECTIVE)


def _student(degrees: float, probability: float) -> float:
    # scipy.special alone: scipy.stats takes seconds to import.
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    return float(stdtrit(degrees, probability))

"""`Ranks`: Zipf-distributed ranks for the coroutine form, as `stormdb.workload.zipf` draws them."""

from __future__ import annotations

import math
import random

__all__ = ["Ranks"]


class Ranks:
    """Draws a rank from 0 to `count - 1`, rank k with a probability as 1 / (k + 1) ** skew.

    Args:
        count: how many ranks, >= 1.
        skew: > 0.

    Source: Hörmann and Derflinger, Rejection-inversion to generate variates from monotone discrete
    distributions (1996).
    """

    def __init__(self, count: int, skew: float) -> None:
        self._count = count
        self._skew = skew
        self._low = self._integral(1.5) - 1
        self._high = self._integral(count + 0.5)
        self._sure = 2 - self._inverse(self._integral(2.5) - 2**-skew)

    def draw(self, rng: random.Random) -> int:
        """One rank."""
        while True:
            area = self._high + rng.random() * (self._low - self._high)
            at = self._inverse(area)
            number = min(max(round(at), 1), self._count)
            if number - at <= self._sure:
                return number - 1
            if area >= self._integral(number + 0.5) - number**-self._skew:
                return number - 1

    def _integral(self, at: float) -> float:
        """Of x ** -skew from 1."""
        if self._skew == 1:
            return math.log(at)
        return math.expm1((1 - self._skew) * math.log(at)) / (1 - self._skew)

    def _inverse(self, area: float) -> float:
        if self._skew == 1:
            return math.exp(area)
        return math.exp(math.log1p(max((1 - self._skew) * area, -1.0)) / (1 - self._skew))

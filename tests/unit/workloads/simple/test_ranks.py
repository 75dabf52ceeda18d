"""Ranks follow Zipf's law."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from scipy.stats import chisquare

from stormdb.workloads.simple.ranks import Ranks


@pytest.mark.parametrize("skew", [0.5, 1.0, 1.2, 3.0])
@pytest.mark.parametrize("count", [2, 7, 1000])
def test_rank_k_is_drawn_as_often_as_zipf_says(skew: float, count: int) -> None:
    rng, ranks, draws = random.Random(7), Ranks(count, skew), 20_000
    seen = Counter(ranks.draw(rng) for _ in range(draws))
    weights = [(rank + 1) ** -skew for rank in range(count)]
    expected = [draws * weight / sum(weights) for weight in weights]
    assert set(seen) <= set(range(count))
    # Those that are rarely seen are taken together: chi-square needs a few of each.
    often = [rank for rank in range(count) if expected[rank] >= 10]
    found = [*(seen[rank] for rank in often), 0]
    wanted = [*(expected[rank] for rank in often), 0.0]
    found[-1] = draws - sum(found)
    wanted[-1] = draws - sum(wanted)
    if wanted[-1] < 10:
        found[-2:], wanted[-2:] = [sum(found[-2:])], [sum(wanted[-2:])]
    assert chisquare(found, wanted).pvalue > 1e-4


def test_one_rank_is_always_the_first() -> None:
    rng, ranks = random.Random(7), Ranks(1, 1.5)
    assert {ranks.draw(rng) for _ in range(100)} == {0}

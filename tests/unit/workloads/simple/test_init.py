"""Keys and mix of the simple workload."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stormdb.plugin import Config
from stormdb.program import Program, compile_workload, explain
from stormdb.workloads.simple import (
    PLUGIN,
    SimpleOptions,
    key_drawer,
    row_count,
    stride,
)


def program_of(workload_type: str, scale: int = 1, **options: Any) -> Program:
    config = Config(workload=workload_type, scale=scale, workload_config=SimpleOptions(**options))
    return compile_workload(PLUGIN.create_workload(workload_type), config)


@given(rows=st.integers(1, 3 * 10**9))
def test_each_rank_has_a_row_of_its_own(rows: int) -> None:
    factor = stride(rows)
    assert math.gcd(factor, rows) == 1
    assert factor * rows < 2**63


def test_neighbouring_ranks_are_far_apart() -> None:
    rows = 100_000
    places = sorted(rank * stride(rows) % rows for rank in range(10))
    assert min(b - a for a, b in itertools.pairwise(places)) > rows / 50


@pytest.mark.parametrize(
    ("workload_type", "options", "weights"),
    [
        ("read", {}, {"read": 1}),
        ("write", {"read_ratio": 0.7}, {"write": 1}),
        ("simple", {}, {"read": 1, "write": 1}),
        ("mixed", {"read_ratio": 0.95}, {"read": 19, "write": 1}),
        ("mixed", {"read_ratio": 1 / 3}, {"read": 1, "write": 2}),
        ("mixed", {"read_ratio": 1}, {"read": 1}),
    ],
)
def test_the_mix_has_the_ratio(
    workload_type: str, options: dict[str, float], weights: dict[str, int]
) -> None:
    made = program_of(workload_type, **options)
    assert {one.name: one.weight for one in made.transactions} == weights


@pytest.mark.parametrize("scale", [1, 30, 30_000])
def test_keys_go_over_the_whole_scale(scale: int) -> None:
    last = scale * 100_000 - 1
    assert f"uniform 0 to {last}\n" in explain(program_of("read", scale))
    text = explain(program_of("read", scale, keys="zipf", skew=1.5))
    assert f"zipf 0 to below {last + 1}, skew 1.5" in text


@pytest.mark.parametrize("keys", ["uniform", "zipf"])
def test_run_draws_keys_of_the_scale(keys: str) -> None:
    rng, rows = random.Random(5), 100_000
    drawn = {key_drawer(rows, SimpleOptions(keys=keys))(rng) for _ in range(2000)}  # type: ignore[arg-type]
    assert min(drawn) < rows / 50
    assert rows * 49 / 50 < max(drawn) < rows


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="scale is 30001, at most 30000 is possible"):
        row_count(Config(workload="simple", scale=30_001))


@pytest.mark.parametrize(
    "options",
    [{"read_ratio": 1.1}, {"skew": 2}, {"keys": "zipf", "skew": 0}, {"keys": "some"}, {"sleep": 1}],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SimpleOptions(**options)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown workload type 'shop'"):
        PLUGIN.create_workload("shop")

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from stormdb.config.thresholds import Threshold, parse_threshold


def _parts(text: str) -> tuple[str, str, str, float, str]:
    t = parse_threshold(text)
    return t.metric, t.statistic, t.operator, t.value, t.unit


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("p99 < 20ms", ("response_time", "p99", "<", 20e6, "ns")),
        ("p99.9<=1.5s", ("response_time", "p99.9", "<=", 1.5e9, "ns")),
        ("max < 1m", ("response_time", "max", "<", 60e9, "ns")),
        ("service_time.mean < 500us", ("service_time", "mean", "<", 5e5, "ns")),
        ("schedule_lag.p99.9 < 1ms", ("schedule_lag", "p99.9", "<", 1e6, "ns")),
        ("error_ratio < 0.1%", ("error_ratio", "", "<", 0.001, "ratio")),
        ("error_ratio <= 0", ("error_ratio", "", "<=", 0.0, "ratio")),
        ("dropped_ratio < 0.5", ("dropped_ratio", "", "<", 0.5, "ratio")),
        ("throughput > 500/s", ("throughput", "", ">", 500.0, "per_s")),
        ("throughput >= 2k/s", ("throughput", "", ">=", 2000.0, "per_s")),
        ("throughput > 30/min", ("throughput", "", ">", 0.5, "per_s")),
        ("error_count < 10", ("error_count", "", "<", 10.0, "")),
        ("transfer.p99 < 5ms", ("transfer", "p99", "<", 5e6, "ns")),
        ("orders.placed.count > 100", ("orders.placed", "count", ">", 100.0, "")),
        ("orders.placed.rate > 5/s", ("orders.placed", "rate", ">", 5.0, "per_s")),
        ("rows.mean < 12.5", ("rows", "mean", "<", 12.5, "")),
        ("delta.min > -1e3", ("delta", "min", ">", -1000.0, "")),
        ("transfer.service_time.p99 < 5ms", ("transfer.service_time", "p99", "<", 5e6, "ns")),
    ],
)
def test_a_condition_falls_into_its_parts(
    text: str, parts: tuple[str, str, str, float, str]
) -> None:
    assert _parts(text) == parts


@given(
    metric=st.from_regex(r"[a-z_]{1,10}(\.[a-z_]{1,10})?", fullmatch=True),
    statistic=st.sampled_from(["p50", "p99", "p99.99", "min", "mean", "max", "count", "sum"]),
    operator=st.sampled_from(["<", "<=", ">", ">="]),
    value=st.integers(-(10**9), 10**9),
    spaces=st.tuples(st.sampled_from(["", " ", "  "]), st.sampled_from(["", " "])),
)
def test_a_custom_metric_keeps_its_name_whatever_the_spacing(
    metric: str, statistic: str, operator: str, value: int, spaces: tuple[str, str]
) -> None:
    name = f"x_{metric}"
    threshold = parse_threshold(f"{name}.{statistic}{spaces[0]}{operator}{spaces[1]}{value}")
    assert threshold == Threshold(
        text=threshold.text,
        metric=name,
        statistic=statistic,
        operator=operator,
        value=float(value),
        unit="",
    )
    assert parse_threshold(threshold.text) == threshold


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_explained(text: str) -> None:
    try:
        threshold = parse_threshold(text)
    except PydanticCustomError as error:
        context = error.context or {}
        assert context["message"]
        assert context["hint"]
    else:
        assert parse_threshold(threshold.text) == threshold


@pytest.mark.parametrize("value", [None, 42, [], {"p99": "20ms"}])
def test_what_is_no_text_is_no_condition(value: object) -> None:
    with pytest.raises(PydanticCustomError, match="is not a condition"):
        parse_threshold(value)

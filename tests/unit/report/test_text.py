"""How numbers are written."""

from __future__ import annotations

import pytest

from stormdb.report.text import (
    failure_name,
    format_metric,
    format_number,
    format_percent,
    format_span,
    format_value,
    time_word,
)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0, "0 %"),
        (0.00005, "< 0.01 %"),
        (0.0025, "0.25 %"),
        (0.0311, "3.1 %"),
        (0.4249, "42 %"),
        (1, "100 %"),
    ],
)
def test_percent(ratio: float, text: str) -> None:
    assert format_percent(ratio) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234, "1,234"),
        (12.345, "12.3"),
        (0.01234, "0.0123"),
        (1234.5, "1,234"),
        (-3, "-3"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("rows_per_batch", 12.345, "12.3"),
        ("stormdb.pool_wait_ns", 1_500_000.0, "1.50 ms"),
        ("page_bytes", 8192.0, "8.0 KiB"),
        ("drift_ns", -1_500.0, "-1.50 µs"),
    ],
)
def test_a_metric_whose_name_says_its_unit_is_shown_in_it(
    name: str, value: float, text: str
) -> None:
    assert format_metric(name, value) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 s"),
        (5 * 10**9, "5 s"),
        (40 * 10**9, "40 s"),
        (90 * 10**9, "1m 30s"),
        (250 * 10**6, "250 ms"),
        (1_500_000, "1.5 ms"),
        (2_000_000, "2 ms"),
        (10_000, "10 µs"),
        (3600 * 10**9, "1h"),
    ],
)
def test_span(ns: int, text: str) -> None:
    assert format_span(ns) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4e6, "ns", "4.00 ms"),
        (512, "per_s", "512/s"),
        (0.05, "ratio", "5.0 %"),
        (12.5, "", "12.5"),
    ],
)
def test_value(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_names() -> None:
    assert failure_name("40P01") == "40P01 deadlock_detected"
    assert failure_name("other") == "other"
    assert time_word("response_time") == "response time"

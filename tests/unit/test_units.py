from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.errors import ConfigError
from stormdb.units import (
    format_bytes,
    format_count,
    format_duration,
    format_rate,
    parse_bytes,
    parse_duration,
    parse_rate,
)

S = 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("60s", 60 * S),
        ("1m30s", 90 * S),
        ("1m 30s", 90 * S),
        ("1h2m3s", 3723 * S),
        ("250ms", S // 4),
        ("1.5h", 5400 * S),
        ("2min", 120 * S),
        ("1d", 86400 * S),
        ("10us", 10_000),
        ("10µs", 10_000),
        ("7ns", 7),
        ("30s1m", 90 * S),
        ("0s", 0),
        ("0", 0),
        ("60", 60 * S),
        (".5", S // 2),
        (60, 60 * S),
        (0.25, S // 4),
        (" 5s ", 5 * S),
    ],
)
def test_durations_are_read_exactly(text: str | float, ns: int) -> None:
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", [float("inf"), 10**13, 2**70, "200000000000s", "99999999999h"])
def test_a_duration_beyond_every_run_is_too_long(text: str | float) -> None:
    with pytest.raises(ConfigError, match="is too long; hint: the longest duration is 146 years"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "s", "1:30", "5 parsecs", "-5s", "5s!", "1e3", "5s-3s", "nan", "1 000s", "1..5s"),
        *(-1, float("nan"), float("-inf"), True, "1m90"),
    ],
)
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(ConfigError, match="is not a duration; hint: write it as 60s"):
        parse_duration(text)


@given(
    hours=st.integers(0, 99), minutes=st.integers(0, 999), seconds=st.integers(0, 999),
    ms=st.integers(0, 9999),
)  # fmt: skip
def test_a_duration_is_the_sum_of_its_parts(
    hours: int, minutes: int, seconds: int, ms: int
) -> None:
    text = f"{hours}h{minutes}m{seconds}s{ms}ms"
    assert parse_duration(text) == ((hours * 60 + minutes) * 60 + seconds) * S + ms * 10**6


@pytest.mark.parametrize(
    ("text", "micro_per_s"),
    [
        ("500", 500_000_000),
        ("500/s", 500_000_000),
        ("2k/s", 2_000_000_000),
        ("2K/s", 2_000_000_000),
        ("1.5M/s", 1_500_000_000_000),
        ("30/min", 500_000),
        ("30/m", 500_000),
        ("3600/h", 1_000_000),
        ("0.5/s", 500_000),
        (".5", 500_000),
        (250, 250_000_000),
        (0.1, 100_000),
        ("1/h", 277),
    ],
)
def test_rates_are_read_in_micro_arrivals_per_second(text: str | float, micro_per_s: int) -> None:
    assert parse_rate(text) == micro_per_s


@pytest.mark.parametrize("text", ["", "fast", "500 tps", "-5/s", "5/d", "k", "1e3/s", True, "nan"])
def test_what_is_no_rate_is_refused(text: str | float) -> None:
    with pytest.raises(ConfigError, match="is not a rate; hint: write it as 500/s"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["0", 0, "0/s", "0.0000001/s"])
def test_a_rate_out_of_range_says_the_range(text: str | float) -> None:
    with pytest.raises(ConfigError, match="out of range; hint: a rate is above 0"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["10.1M/s", "1000M", 10**12])
def test_a_rate_that_no_generator_makes_says_the_highest(text: str | float) -> None:
    with pytest.raises(ConfigError, match="is too high; hint: the highest rate is 10M/s: beyond"):
        parse_rate(text)


@given(st.integers(1, 10**7))
def test_every_whole_rate_is_exact(rate_per_s: int) -> None:
    assert parse_rate(f"{rate_per_s}/s") == rate_per_s * 10**6


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        (512, 512),
        ("512", 512),
        ("512B", 512),
        ("64k", 65_536),
        ("64kB", 65_536),
        ("64KiB", 65_536),
        ("512MiB", 512 * 1024**2),
        ("2GB", 2 * 1024**3),
        ("1.5 GiB", 3 * 1024**3 // 2),
        ("1T", 1024**4),
    ],
)
def test_sizes_are_powers_of_1024(text: str | int, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "-1", "2 gigabytes", "1P", "k", True, "1e6"])
def test_what_is_no_size_is_refused(text: str | int) -> None:
    with pytest.raises(ConfigError, match="is not a size; hint: write it as 512MiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (640, "640 ns"),
        (1_000, "1.00 µs"),
        (640_000, "640 µs"),
        (999_499, "999 µs"),
        (999_600, "1.00 ms"),
        (1_870_000_000, "1.87 s"),
        (9_996_000_000, "10.0 s"),
        (59_900_000_000, "59.9 s"),
        (59_990_000_000, "60.0 s"),
        (60 * S, "1m"),
        (90 * S, "1m 30s"),
        (3600 * S, "1h"),
        (3661 * S, "1h 1m 1s"),
        (-5_000_000, "-5.00 ms"),
    ],
)
def test_durations_for_people(ns: int, text: str) -> None:
    assert format_duration(ns) == text


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(0, "0/s"), (0.52, "0.52/s"), (9.994, "9.99/s"), (12.34, "12.3/s"), (1234.4, "1,234/s")],
)
def test_rates_for_people(per_s: float, text: str) -> None:
    assert format_rate(per_s) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 * 1024**2, "5.0 MiB"),
        (2 * 1024**3, "2.0 GiB"),
        (3 * 1024**4, "3.0 TiB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert format_bytes(size) == text


def test_counts_for_people() -> None:
    assert format_count(1_234_567) == "1,234,567"

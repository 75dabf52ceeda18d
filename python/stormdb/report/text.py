"""How numbers and statements are written in every report."""

from __future__ import annotations

import re

from stormdb.analysis.sqlstates import condition_name
from stormdb.units import format_bytes, format_count, format_duration, format_rate

__all__ = [
    "QUANTILE_NAMES",
    "failure_name",
    "format_metric",
    "format_number",
    "format_percent",
    "format_span",
    "format_value",
    "time_word",
]

QUANTILE_NAMES = {"p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99", "p999": "p99.9"}


def format_percent(ratio: float) -> str:
    """A ratio as percent: `0 %`, `< 0.01 %`, `0.25 %`, `3.1 %`, `42 %`."""
    if 0 < ratio < 0.0001:
        return "< 0.01 %"
    digits = 0 if ratio == 0 or ratio >= 0.0995 else 1 if ratio >= 0.00995 else 2
    return f"{ratio * 100:.{digits}f} %"


def format_number(value: float) -> str:
    """A number without unit, to three significant digits: `1,234`, `12.3`, `0.0123`."""
    if value == int(value) or abs(value) >= 1000:
        return format_count(value)
    return f"{value:.3g}"


def format_metric(name: str, value: float) -> str:
    """A custom value: a time or a size if its name ends in `_ns` or `_bytes`, else a number."""
    if name.endswith("_ns"):
        return format_duration(value)
    return format_bytes(value) if name.endswith("_bytes") else format_number(value)


def format_value(value: float, unit: str) -> str:
    """A value in the unit of a threshold: `ns`, `per_s`, `ratio`, or "" for a plain number."""
    if unit == "ns":
        return format_duration(value)
    if unit == "per_s":
        return format_rate(value)
    return format_percent(value) if unit == "ratio" else format_number(value)


def failure_name(sqlstate: str) -> str:
    """`40001 serialization_failure`."""
    return f"{sqlstate} {condition_name(sqlstate)}".rstrip()


def format_span(ns: int) -> str:
    """A length of time without needless digits: `5 s`, `250 ms`, `1m 30s`."""
    return re.sub(r"\.0+(?= )|(?<=\.\d)0+(?= )", "", format_duration(ns)) if ns else "0 s"


def time_word(main_time: str) -> str:
    """`response time` of `response_time`."""
    return main_time.replace("_", " ")

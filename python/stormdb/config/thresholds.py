"""Thresholds: conditions on a result such as `p99 < 20ms`, read into parts."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from stormdb.config.fields import problem, shown
from stormdb.errors import ConfigError
from stormdb.units import parse_duration, parse_rate

__all__ = ["RATIO_METRICS", "SCALAR_METRICS", "TIME_METRICS", "Threshold", "parse_threshold"]

TIME_METRICS = ("response_time", "service_time", "schedule_lag")
RATIO_METRICS = ("error_ratio", "dropped_ratio", "retry_ratio")
SCALAR_METRICS = {
    "throughput": "per_s",
    **dict.fromkeys(RATIO_METRICS, "ratio"),
    "error_count": "",
    "dropped_count": "",
    "retry_count": "",
}
_WORD_STATISTICS = ("min", "mean", "max", "count", "rate", "sum")
_STATISTIC = re.compile(r"p\d{1,2}(?:\.\d+)?|p100|min|mean|max|count|rate|sum")
_CONDITION = re.compile(r"\s*([^<>=\s]+)\s*(<=|>=|<|>)\s*(\S.*?)\s*", re.DOTALL)
_HINT = "write it as p99 < 20ms, error_ratio < 0.1% or throughput > 500/s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A condition that a run must meet.

    Attributes:
        text: as written.
        metric: `response_time`, `service_time`, `schedule_lag`, one of `SCALAR_METRICS`, or the
            name of a transaction or of a custom metric. A bare `p99` is of `response_time`
            (in closed loop, which has none, of `service_time`).
        statistic: `p99`, `p99.9`, `min`, `mean`, `max`, `count`, `rate`, `sum`; "" for a scalar.
        operator: `<`, `<=`, `>` or `>=`.
        value: in the unit below.
        unit: `ns`, `per_s`, `ratio` or "" (a plain number).
    """

    text: str
    metric: str
    statistic: str
    operator: str
    value: float
    unit: str


def parse_threshold(text: object) -> Threshold:
    """Read a threshold.

    Raises:
        PydanticCustomError: it is not a condition, or its limit does not fit its metric.
    """
    match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if not isinstance(text, str) or not match:
        raise problem(f"{shown(text)} is not a condition", _HINT)
    subject, operator, limit = match.groups()
    metric, statistic = _subject(subject)
    value, unit = _limit(metric, statistic, limit)
    return Threshold(
        text=" ".join(text.split()),
        metric=metric,
        statistic=statistic,
        operator=operator,
        value=value,
        unit=unit,
    )


def _subject(subject: str) -> tuple[str, str]:
    if subject in SCALAR_METRICS:
        return subject, ""
    if _STATISTIC.fullmatch(subject):
        if subject in {"count", "rate", "sum"}:
            raise problem(
                f"{subject!r} does not say of which metric", f"write name.{subject}, or throughput"
            )
        return "response_time", subject
    # The statistic may have a dot (p99.9), and so may the name of a custom metric.
    parts = re.fullmatch(rf"(.+?)\.({_STATISTIC.pattern})", subject)
    if not parts:
        raise problem(f"{subject!r} is not a metric with a statistic", _subject_hint(subject))
    metric, statistic = parts.groups()
    if metric in SCALAR_METRICS:
        raise problem(f"{metric!r} is one number and has no {statistic}", f"write {metric} alone")
    if metric in TIME_METRICS and statistic in {"count", "rate", "sum"}:
        raise problem(
            f"{metric!r} has no {statistic}", "write a quantile such as p99, min, mean or max"
        )
    return metric, statistic


def _subject_hint(subject: str) -> str:
    metric, _, statistic = subject.rpartition(".")
    if subject in TIME_METRICS or metric in TIME_METRICS:
        return f"write {metric or subject}.p99, or another quantile up to p100, .min, .mean or .max"
    known = [*SCALAR_METRICS, "p50", "p90", "p95", "p99", "p99.9", *_WORD_STATISTICS]
    near = difflib.get_close_matches(statistic, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {f'{metric}.{near[0]}' if metric else near[0]}?"
    return f"a custom metric takes a statistic: {subject}.count, .rate, .sum, .mean, .max or .p99"


def _limit(metric: str, statistic: str, limit: str) -> tuple[float, str]:
    unit = SCALAR_METRICS.get(metric)
    if unit == "ratio":
        return _ratio(limit), unit
    if unit == "per_s" or statistic == "rate":
        return _per_s(limit), "per_s"
    number = _number(limit)
    if metric in TIME_METRICS:
        if number is not None:
            raise problem(f"the limit {limit!r} of a time has no unit", "write it as 20ms or 1.5s")
        return float(_duration(limit)), "ns"
    if number is not None:
        return number, ""
    if unit == "" or statistic in {"count", "sum"}:
        raise problem(f"the limit {limit!r} is not a number", "write digits, such as 100")
    return float(_duration(limit)), "ns"


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", text) else None


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ConfigError:
        raise problem(f"the limit {text!r} is not a time", "write it as 20ms or 1.5s") from None


def _ratio(text: str) -> float:
    number = _number(text[:-1].rstrip() if text.endswith("%") else text)
    value = None if number is None else number / 100 if text.endswith("%") else number
    if value is None or not 0 <= value <= 1:
        raise problem(
            f"the limit {text!r} is not a ratio", "write it as 0.1%, or as a number from 0 to 1"
        )
    return value


def _per_s(text: str) -> float:
    try:
        return parse_rate(text) / 1e6
    except ConfigError:
        raise problem(f"the limit {text!r} is not a rate", "write it as 500/s or 2k/s") from None

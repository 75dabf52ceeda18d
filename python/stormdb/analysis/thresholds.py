"""Decides thresholds such as `p99 < 20ms` on what was measured."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stormdb.analysis.rows import merged
from stormdb.analysis.summary import ThresholdOutcome
from stormdb.units import format_count

if TYPE_CHECKING:
    from stormdb._native import Cell, Histogram, IntervalSnapshot, ValueSketch
    from stormdb.analysis.summary import RowSummary, Summary
    from stormdb.config import Threshold

__all__ = ["Totals", "evaluate", "evaluate_totals"]

_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TIMES = ("response_time", "service_time", "schedule_lag")
_FEWEST_BEYOND = 10


class _Measured(NamedTuple):
    """A value, or None and why there is none."""

    value: float | None
    note: str = ""


class Totals(Protocol):
    """What a condition without a name is about: a workload, or all of a run together."""

    @property
    def main_time(self) -> str:
        """What a bare quantile is of."""

    @property
    def total(self) -> RowSummary:
        """All transactions."""

    @property
    def error_ratio(self) -> float:
        """Failed over all that finished."""

    @property
    def dropped_ratio(self) -> float:
        """Dropped over offered."""

    @property
    def retry_ratio(self) -> float:
        """Tries beyond the first over all that finished."""

    @property
    def drops(self) -> Mapping[str, int]:
        """Dropped arrivals by reason."""


def evaluate_totals(
    thresholds: Sequence[Threshold], totals: Totals, arrived: Sequence[Cell]
) -> tuple[ThresholdOutcome, ...]:
    """Decide conditions for all workloads of a run together; they have no named metrics.

    Args:
        thresholds: the conditions.
        totals: of the run.
        arrived: transactions that arrived in the steady phases.
    """
    return tuple(
        _outcome(one, _of_all(one, totals, arrived) or _Measured(None, "it is of one workload"))
        for one in thresholds
    )


def evaluate(
    thresholds: Sequence[Threshold],
    summary: Summary,
    arrived: Sequence[Cell],
    steady: IntervalSnapshot | None,
) -> tuple[ThresholdOutcome, ...]:
    """Decide each threshold over the steady phases.

    A bare quantile is of the run's main time: response time in open loop, service time in closed
    loop. A name is that of a transaction or operation (its main time) or of a custom metric. What
    does not exist, or has no sample, is never met.

    Args:
        thresholds: the conditions.
        summary: of the run.
        arrived: outcomes of what arrived in the steady phases.
        steady: everything of the steady intervals; None if there was none.
    """
    return tuple(
        _outcome(threshold, _measured(threshold, summary, arrived, steady))
        for threshold in thresholds
    )


def _outcome(threshold: Threshold, measured: _Measured) -> ThresholdOutcome:
    is_met = measured.value is not None and _COMPARE[threshold.operator](
        measured.value, threshold.value
    )
    return ThresholdOutcome(
        text=threshold.text,
        is_met=bool(is_met),
        value=measured.value,
        unit=threshold.unit,
        note=measured.note,
    )


def _measured(
    threshold: Threshold,
    summary: Summary,
    arrived: Sequence[Cell],
    steady: IntervalSnapshot | None,
) -> _Measured:
    return (
        _of_all(threshold, summary, arrived)
        or _named_row(threshold, summary, arrived)
        or _custom(threshold, summary, steady)
        or _Measured(None, _unknown(threshold, summary))
    )


def _of_all(threshold: Threshold, totals: Totals, arrived: Sequence[Cell]) -> _Measured | None:
    """Of all transactions; None if the threshold is about something with a name."""
    if not threshold.statistic:
        return _scalar(threshold.metric, totals)
    if threshold.metric not in _TIMES:
        return None
    # A bare p99 was read as one of response_time, which a closed loop does not have.
    is_bare = not threshold.text.startswith(threshold.metric)
    time = totals.main_time if is_bare else threshold.metric
    return _time([cell for cell in arrived if cell.kind == "transaction"], time, threshold)


def _named_row(threshold: Threshold, summary: Summary, arrived: Sequence[Cell]) -> _Measured | None:
    """Of a transaction or an operation; None if none has the name, or the limit fits none."""
    name, _, time = threshold.metric.rpartition(".")
    if time not in _TIMES:
        name, time = threshold.metric, ""
    cell = next((cell for cell in arrived if cell.name == name), None)
    row = next((r for r in summary.transactions + summary.operations if r.name == name), None)
    if cell is None or row is None:
        return None
    if threshold.statistic == "count" and not time:
        return _Measured(float(row.committed_count))
    if threshold.statistic == "rate" and not time:
        return _Measured(row.throughput_per_s)
    if threshold.unit != "ns":
        return None
    main_time = summary.main_time if row.kind == "transaction" else "service_time"
    return _time([cell], time or main_time, threshold)


def _scalar(metric: str, summary: Totals) -> _Measured:
    total = summary.total
    finished_count = total.committed_count + total.rolled_back_count + total.failed_count
    if metric in {"error_ratio", "retry_ratio"} and not finished_count:
        return _Measured(None, "no transaction finished")
    values = {
        "throughput": total.throughput_per_s,
        "error_ratio": summary.error_ratio,
        "dropped_ratio": summary.dropped_ratio,
        "retry_ratio": summary.retry_ratio,
        "error_count": total.failed_count,
        "dropped_count": sum(summary.drops.values()),
        "retry_count": total.retried_count,
    }
    return _Measured(float(values[metric]))


def _time(rows: Sequence[Cell], time: str, threshold: Threshold) -> _Measured:
    histogram = merged(getattr(row, time) for row in rows)
    if not histogram.count:
        if time != "service_time" and any(row.committed for row in rows):
            word = time.replace("_", " ")
            return _Measured(
                None, f"a closed loop, or an operation, has no {word}: use service_time"
            )
        return _Measured(None, "no transaction was committed")
    return _of_histogram(histogram, threshold.statistic)


def _of_histogram(histogram: Histogram, statistic: str) -> _Measured:
    if statistic in {"min", "mean", "max"}:
        return _Measured(float(getattr(histogram, f"{statistic}_ns")))
    share = float(statistic[1:]) / 100
    beyond = round(histogram.count * (1 - share), 6)
    note = ""
    if beyond < _FEWEST_BEYOND and share < 1:
        note = f"rests on {beyond:.0f} of {format_count(histogram.count)} samples"
    return _Measured(float(histogram.quantile(share)), note)


def _custom(
    threshold: Threshold, summary: Summary, steady: IntervalSnapshot | None
) -> _Measured | None:
    """A custom value or counter of that name; None if there is neither."""
    name, statistic = threshold.metric, threshold.statistic
    seconds = summary.steady_ns / 1e9
    sketch = steady.values.get(name) if steady else None
    count = steady.counters.get(name) if steady else None
    if (sketch or count is not None) and threshold.unit == "ns":
        return _Measured(None, f"{name} is a custom metric: write its limit as a plain number")
    if sketch is not None:
        return _of_sketch(sketch, statistic, seconds)
    if count is None:
        return None
    if statistic == "rate":
        return _Measured(count / seconds)
    if statistic in {"count", "sum"}:
        return _Measured(float(count))
    return _Measured(None, f"{name} is a counter and has no {statistic}: use count or rate")


def _of_sketch(sketch: ValueSketch, statistic: str, seconds: float) -> _Measured:
    if statistic == "rate":
        return _Measured(sketch.count / seconds)
    if statistic.startswith("p"):
        return _Measured(sketch.quantile(float(statistic[1:]) / 100))
    return _Measured(float(getattr(sketch, statistic)))


def _unknown(threshold: Threshold, summary: Summary) -> str:
    rows = [row.name for row in summary.transactions + summary.operations]
    if threshold.metric in rows:
        return f"{threshold.metric} is a transaction: write its limit as a time, such as 5ms"
    known = rows + [c.name for c in summary.counters] + [v.name for v in summary.values]
    near = get_close_matches(threshold.metric, known, n=1, cutoff=0.5)
    if near:
        return f"the run measured no {threshold.metric}: did you mean {near[0]}?"
    listed = ", ".join(known) or "nothing"
    return f"the run measured no {threshold.metric}: it measured {listed}"

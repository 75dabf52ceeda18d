"""Custom counters and values of a stretch of a run, in plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.analysis.distribution import Value
from stormdb.analysis.summary import Counter

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot

__all__ = ["counters", "values"]


def counters(snapshot: IntervalSnapshot, length_ns: int) -> tuple[Counter, ...]:
    """What `metrics.count` counted, by name.

    Args:
        snapshot: of one interval or of several.
        length_ns: true length of the stretch.
    """
    seconds = length_ns / 1e9
    return tuple(
        Counter(name=name, count=count, rate_per_s=count / seconds if seconds else 0.0)
        for name, count in sorted(snapshot.counters.items())
    )


def values(snapshot: IntervalSnapshot) -> tuple[Value, ...]:
    """What `metrics.record` recorded, by name; names without a sample are left out."""
    return tuple(
        Value(
            name=name,
            count=sketch.count,
            mean=sketch.mean,
            min=sketch.min,
            p50=sketch.quantile(0.5),
            p95=sketch.quantile(0.95),
            p99=sketch.quantile(0.99),
            max=sketch.max,
        )
        for name, sketch in sorted(snapshot.values.items())
        if sketch.count
    )

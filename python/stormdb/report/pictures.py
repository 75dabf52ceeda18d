"""The charts of the final report."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from stormdb.report.charts import Column, draw, fitted, round_top, time_axis
from stormdb.units import format_count, format_duration, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary
    from stormdb.analysis.summary import IntervalPoint

__all__ = ["distribution_chart", "throughput_chart"]

_HEIGHT = 6


def throughput_chart(summary: Summary, width: int) -> Group:
    """Committed per second over the run: warm-up dim, intervals with failures or drops red."""
    points = [point for point in summary.intervals if point.role != "drain"]
    top = round_top(max(point.throughput_per_s for point in points))
    label_width = len(format_rate(top)) + 2
    plot_width = max(width - label_width, 10)
    columns = fitted([Column(p.throughput_per_s, _style(p)) for p in points], plot_width)
    lines = _framed(draw(columns, height=_HEIGHT, top=top), format_rate(top), label_width)
    start_ns = points[0].start_ns
    length_ns = points[-1].start_ns + points[-1].length_ns - start_ns
    labels = [
        (
            round((phase.start_ns - start_ns) / length_ns * len(columns)),
            f"{format_duration(phase.start_ns)} {phase.name}",
        )
        for phase in summary.phases
        if phase.start_ns < start_ns + length_ns
    ]
    end = format_duration(start_ns + length_ns)
    labels.append((len(columns) - len(end), end))
    lines.append(Text(" " * label_width + time_axis(labels, len(columns)), style="dim"))
    if any(point.failed_count or point.dropped_count for point in points):
        lines.append(Text(" " * label_width + "red: with failures or drops", style="dim"))
    return Group(*lines)


def _style(point: IntervalPoint) -> str:
    if point.failed_count or point.dropped_count:
        return "red"
    return "cyan" if point.role == "steady" else "dim"


def _framed(lines: list[Text], top: str, label_width: int) -> list[Text]:
    """A chart with its top and 0 at the left."""
    framed = []
    for index, line in enumerate(lines):
        label = top if index == 0 else "0" if index == len(lines) - 1 else ""
        framed.append(Text.assemble((f"{label:>{label_width - 2}} ┤", "dim"), line, no_wrap=True))
    return framed


def distribution_chart(summary: Summary, width: int) -> Group:
    """How many took how long: time on a logarithmic axis, with the quantiles below."""
    buckets = summary.distribution
    stats = summary.main_time_of(summary.total)
    top = max(bucket.count for bucket in buckets)
    label_width = len(format_count(top)) + 2
    columns = fitted(
        [Column(bucket.count, "cyan") for bucket in buckets], max(width - label_width, 10)
    )
    lines = _framed(draw(columns, height=_HEIGHT, top=top), format_count(top), label_width)
    low, high = log10(buckets[0].low_ns or 1), log10(buckets[-1].high_ns)

    def place(time_ns: float) -> int:
        return round((log10(max(time_ns, 1)) - low) / (high - low) * len(columns))

    ticks = [
        (place(step * 10**power), format_duration(step * 10**power))
        for power in range(int(low), int(high) + 1)
        for step in (1, 2, 5)
        if low <= log10(step * 10**power) <= high
    ]
    lines.append(Text(" " * label_width + time_axis(ticks, len(columns)), style="dim"))
    if stats is not None:
        marks = [
            (place(value), f"▲{name}")
            for name, value in (
                ("p50", stats.p50_ns),
                ("p99", stats.p99_ns),
                ("p99.9", stats.p999_ns),
                ("max", stats.max_ns),
            )
        ]
        lines.append(Text(" " * label_width + time_axis(marks, len(columns) + 6), style="dim"))
    return Group(*lines)

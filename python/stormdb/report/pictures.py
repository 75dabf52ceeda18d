"""The charts of the final report."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from stormdb.report.charts import (
    ALARM_RATIO,
    Column,
    draw,
    fitted,
    framed,
    label_line,
    round_top,
    throughput_columns,
    time_ticks,
)
from stormdb.report.styles import ALARM, BAR
from stormdb.report.text import format_span
from stormdb.units import format_count, format_rate

if TYPE_CHECKING:
    from stormdb.analysis import Summary, Together
    from stormdb.analysis.summary import IntervalPoint

__all__ = ["distribution_chart", "throughput_chart", "together_chart"]

_HEIGHT = 6
_LOW_HEIGHT = 3
_TICK = "╵"
_OVERHANG = 8
"""Columns that a label below the last bar may stick out."""
# By the least number of decades on the axis.
_TICK_STEPS: Mapping[float, tuple[int, ...]] = {2.0: (1,), 0.5: (1, 2, 5), 0.0: tuple(range(1, 10))}


def throughput_chart(summary: Summary, width: int) -> Group:
    """Committed per second over the run, with a time axis and the phases below it."""
    points = [point for point in summary.intervals if point.role != "drain"]
    top = round_top(max(point.throughput_per_s for point in points))
    label_width = len(format_rate(top)) + 2
    plot_width = max(width - label_width - _OVERHANG, 10)
    columns = fitted(throughput_columns(points), plot_width)
    lines = framed(draw(columns, height=_HEIGHT, top=top), format_rate(top), label_width)
    end_ns = points[-1].start_ns + points[-1].length_ns
    for text in (_time_axis(end_ns, plot_width), _phase_axis(points, plot_width)):
        lines.append(Text(" " * label_width + text, style="dim"))
    if any(column.style == ALARM for column in columns):
        lines.append(
            Text.assemble(
                " " * label_width,
                ("red", ALARM),
                (f": more than {ALARM_RATIO * 100:g} % failed or dropped", "dim"),
            )
        )
    return Group(*lines)


def together_chart(whole: Together, width: int) -> Group:
    """Committed per second of each workload and of all, below one another on one time axis."""
    charts = {
        name: [point.throughput_by_workload[index] for point in whole.intervals]
        for index, name in enumerate(whole.workloads)
    }
    charts["together"] = [point.throughput_per_s for point in whole.intervals]
    tops = {name: round_top(max(rates)) for name, rates in charts.items()}
    label_width = max(len(format_rate(top)) for top in tops.values()) + 2
    plot_width = max(width - label_width - _OVERHANG, 10)
    lines = []
    for name, rates in charts.items():
        columns = fitted([Column(rate, BAR) for rate in rates], plot_width)
        lines.append(Text(" " * label_width + name, style="bold"))
        lines += framed(
            draw(columns, height=_LOW_HEIGHT, top=tops[name]), format_rate(tops[name]), label_width
        )
    end_ns = whole.intervals[-1].start_ns + whole.intervals[-1].length_ns
    lines.append(Text(" " * label_width + _time_axis(end_ns, plot_width), style="dim"))
    return Group(*lines)


def _time_axis(length_ns: int, width: int) -> str:
    return label_line(
        [
            (round(at_ns / length_ns * width), _TICK + format_span(at_ns))
            for at_ns in time_ticks(length_ns, width // 12)
        ],
        width + _OVERHANG,
    )


def _phase_axis(points: list[IntervalPoint], width: int) -> str:
    """The name of each phase below its first interval."""
    starts: dict[str, int] = {}
    for index, point in enumerate(points):
        starts.setdefault(point.phase, index)
    return label_line(
        [(ceil(index * width / len(points)), name) for name, index in starts.items()], width
    )


def distribution_chart(summary: Summary, width: int) -> Group:
    """How many took how long: time on a logarithmic axis, with the quantiles below it."""
    buckets = summary.distribution
    top = max(bucket.count for bucket in buckets)
    label_width = len(format_count(top)) + 2
    plot_width = max(width - label_width - _OVERHANG, 10)
    columns = fitted([Column(bucket.count, BAR) for bucket in buckets], plot_width)
    lines = framed(draw(columns, height=_HEIGHT, top=top), format_count(top), label_width)
    low, high = log10(max(buckets[0].low_ns, 1)), log10(max(buckets[-1].high_ns, 2))

    def place(time_ns: float) -> int:
        return round((log10(max(time_ns, 1)) - low) / (high - low) * plot_width)

    steps = next(steps for least, steps in _TICK_STEPS.items() if high - low >= least)
    ticks = [
        (place(step * 10**power), _TICK + format_span(step * 10**power))
        for power in range(floor(low), ceil(high) + 1)
        for step in steps
        if low <= log10(step * 10**power) <= high
    ]
    marks = []
    if stats := summary.main_time_of(summary.total):
        times = {
            "p50": stats.p50_ns,
            "p90": stats.p90_ns,
            "p99": stats.p99_ns,
            "p99.9": stats.p999_ns,
            "max": stats.max_ns,
        }
        marks = [(place(time_ns), f"▲{name}") for name, time_ns in times.items()]
    for labels in (ticks, marks):
        lines.append(
            Text(" " * label_width + label_line(labels, plot_width + _OVERHANG), style="dim")
        )
    return Group(*lines)

"""Charts of block characters, for terminals and plain text alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING

from rich.text import Text

from stormdb.report.styles import ALARM, BAR

if TYPE_CHECKING:
    from stormdb.analysis.summary import IntervalPoint

__all__ = [
    "ALARM_RATIO",
    "Column",
    "draw",
    "fitted",
    "framed",
    "label_line",
    "round_top",
    "throughput_columns",
    "time_ticks",
]

ALARM_RATIO = 0.01
"""An interval in which a larger share failed or was dropped is drawn in the alarm's colour."""

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_TOPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_MINUTE, _HOUR = 60, 3600
_TICK_SECONDS = (
    *(1, 2, 5, 10, 20, 30),
    *(step * _MINUTE for step in (1, 2, 5, 10, 20, 30)),
    *(step * _HOUR for step in (1, 2, 4, 12, 24)),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One bar: its height, >= 0, and how it is drawn, such as `red`."""

    value: float
    style: str = ""


def round_top(value: float) -> float:
    """The first round number that is not below the value: top of a chart."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in _TOPS if step * power >= value * (1 - 1e-9))


def throughput_columns(points: Iterable[IntervalPoint]) -> list[Column]:
    """Committed per second: not steady dim, much failed or dropped in the alarm's colour."""
    columns = []
    for point in points:
        bad = point.failed_count + point.dropped_count
        ended = bad + point.committed_count + point.rolled_back_count
        style = BAR if point.role == "steady" else "dim"
        if bad > ALARM_RATIO * ended:
            style = ALARM
        columns.append(Column(point.throughput_per_s, style))
    return columns


def fitted(columns: Sequence[Column], width: int) -> list[Column]:
    """The columns stretched or averaged to a width; one with an alarm never disappears.

    Args:
        columns: at least one.
        width: characters there are, >= 1.
    """
    count = len(columns)
    if count <= width:
        return [columns[index * count // width] for index in range(width)]
    merged = []
    for index in range(width):
        part = columns[index * count // width : (index + 1) * count // width]
        styles = [column.style for column in part]
        mean = sum(column.value for column in part) / len(part)
        merged.append(Column(mean, ALARM if ALARM in styles else styles[0]))
    return merged


def draw(columns: Sequence[Column], *, height: int, top: float) -> list[Text]:
    """The columns as lines of text, the topmost line first.

    A value above 0 is never drawn as nothing, and one above the top fills its column.
    """
    full = height * 8
    steps = [
        min(max(round(column.value / top * full), 1 if column.value > 0 else 0), full)
        for column in columns
    ]
    lines = []
    for row in reversed(range(height)):
        line = Text(no_wrap=True)
        for column, step in zip(columns, steps, strict=True):
            line.append(_EIGHTHS[min(max(step - row * 8, 0), 8)], style=column.style)
        lines.append(line)
    return lines


def framed(lines: Sequence[Text], top: str, label_width: int) -> list[Text]:
    """A chart with an axis at its left, labelled at the top and at 0.

    Args:
        lines: of the chart.
        top: label of the topmost line.
        label_width: columns for labels and axis.
    """
    last = len(lines) - 1
    return [
        Text.assemble(
            (f"{top if index == 0 else '0' if index == last else '':>{label_width - 2}} ┤", "dim"),
            line,
            no_wrap=True,
        )
        for index, line in enumerate(lines)
    ]


def label_line(labels: Iterable[tuple[int, str]], width: int) -> str:
    """A line with labels below a chart; one that does not fit beside the earlier ones is left out.

    Args:
        labels: (column, text), ascending.
        width: of the chart.
    """
    line = ""
    for column, text in labels:
        if column >= len(line) + (1 if line else 0) and column + len(text) <= width:
            line = line.ljust(column) + text
    return line


def time_ticks(length_ns: int, count: int) -> list[int]:
    """Round times from 0 to the end, about `count` of them, in nanoseconds."""
    seconds = length_ns / 1e9
    fine = [step for step in _TICK_SECONDS if seconds / step <= count]
    step = fine[0] if fine else _TICK_SECONDS[-1]
    return [at * 10**9 for at in range(0, int(seconds) + 1, step)]

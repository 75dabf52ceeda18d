"""Charts of block characters, for terminals and plain text alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from rich.text import Text

__all__ = ["Column", "draw", "fitted", "round_top", "time_axis"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_TOPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Column:
    """One bar.

    Attributes:
        value: its height, >= 0.
        style: how it is drawn, such as `red`; "" for plain.
    """

    value: float
    style: str = ""


def round_top(value: float) -> float:
    """The first round number that is not below the value: top of a chart."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in _TOPS if step * power >= value * (1 - 1e-9))


def fitted(columns: Sequence[Column], width: int, alarm: str = "red") -> list[Column]:
    """As many columns as fit a width: neighbours are averaged, or each drawn several times.

    Args:
        columns: in order.
        width: characters there are, >= 1.
        alarm: style that an averaged column takes from any of its parts, so that it is not lost.
    """
    count = len(columns)
    if count <= width:
        times = max(width // count, 1) if count else 0
        return [column for column in columns for _ in range(times)]
    merged = []
    for index in range(width):
        part = columns[index * count // width : (index + 1) * count // width]
        styles = [column.style for column in part]
        merged.append(
            Column(
                sum(column.value for column in part) / len(part),
                alarm if alarm in styles else styles[0],
            )
        )
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


def time_axis(labels: Sequence[tuple[int, str]], width: int) -> str:
    """A line with labels below a chart; those that would overlap an earlier one are left out.

    Args:
        labels: (column, text), ascending.
        width: of the chart.
    """
    line = ""
    for column, text in labels:
        if column >= len(line) + (1 if line else 0) and column + len(text) <= width:
            line = line.ljust(column) + text
    return line

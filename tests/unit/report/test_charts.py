"""Charts, character by character."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.analysis.summary import IntervalPoint
from stormdb.report.charts import (
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

POINT = IntervalPoint(
    interval_index=0,
    phase="steady",
    role="steady",
    start_ns=0,
    length_ns=10**9,
    offered_count=100,
    committed_count=100,
    rolled_back_count=0,
    failed_count=0,
    retried_count=0,
    dropped_count=0,
    throughput_per_s=100.0,
    time_p50_ns=None,
    time_p99_ns=None,
    time_max_ns=None,
    time_mean_ns=None,
)


def plain(columns: list[Column], height: int, top: float) -> list[str]:
    return [line.plain for line in draw(columns, height=height, top=top)]


def test_a_column_is_as_high_as_its_share_of_the_top() -> None:
    columns = [Column(value) for value in (0, 4, 8, 12, 16)]
    assert plain(columns, 2, 16) == ["   ▄█", " ▄███"]


def test_something_is_never_drawn_as_nothing_and_nothing_leaves_the_chart() -> None:
    assert plain([Column(0.0001), Column(99)], 1, 10) == ["▁█"]


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (7, 8), (512, 600), (1000, 1000), (1001, 1200), (0.13, 0.15)]
)
def test_the_top_is_the_next_round_number(value: float, top: float) -> None:
    assert round_top(value) == pytest.approx(top)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 120))
def test_fitted_columns_fill_the_width_and_keep_extremes_within(
    values: list[float], width: int
) -> None:
    columns = fitted([Column(value) for value in values], width)
    assert len(columns) == width
    assert min(values) - 1e-6 <= min(column.value for column in columns)
    assert max(column.value for column in columns) <= max(values) * (1 + 1e-9)


def test_averaging_keeps_an_alarm() -> None:
    columns = [Column(1, "cyan") for _ in range(100)]
    columns[57] = Column(1, ALARM)
    assert [column.style for column in fitted(columns, 10)].count(ALARM) == 1


def test_an_interval_alarms_above_one_percent() -> None:
    styles = [
        column.style
        for column in throughput_columns(
            [
                POINT,
                replace(POINT, failed_count=1),
                replace(POINT, failed_count=2),
                replace(POINT, dropped_count=2),
                replace(POINT, role="warm_up"),
                replace(POINT, committed_count=0, failed_count=1),
            ]
        )
    ]
    assert styles == [BAR, BAR, ALARM, ALARM, "dim", ALARM]


def test_a_frame_labels_top_and_bottom() -> None:
    lines = framed(draw([Column(1)] * 3, height=3, top=1), "1/s", 6)
    assert [line.plain for line in lines] == [" 1/s ┤███", "     ┤███", "   0 ┤███"]


def test_labels_that_would_overlap_are_left_out() -> None:
    labels = [(0, "0 s"), (2, "gone"), (4, "10 s"), (18, "wide")]
    assert label_line(labels, 20) == "0 s 10 s"
    assert label_line([(0, "0 s"), (17, "end")], 20) == "0 s              end"


@pytest.mark.parametrize(
    ("length_s", "count", "seconds"),
    [
        (40, 5, [0, 10, 20, 30, 40]),
        (10, 5, [0, 2, 4, 6, 8, 10]),
        (600, 6, [0, 120, 240, 360, 480, 600]),
        (0.4, 6, [0]),
        (86400 * 9, 3, [86400 * day for day in range(10)]),
    ],
)
def test_ticks_are_round(length_s: float, count: int, seconds: list[int]) -> None:
    assert [tick // 10**9 for tick in time_ticks(round(length_s * 1e9), count)] == seconds

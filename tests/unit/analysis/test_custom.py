"""Custom metrics in plain numbers."""

from __future__ import annotations

import pytest

from stormdb._native import IntervalSnapshot, Recorder
from stormdb.analysis.custom import counters, values
from tests.support.measured import SECOND_NS, plan


def snapshot() -> IntervalSnapshot:
    recorder = Recorder(plan([("steady", "steady", 2.0)], rate_per_s=None))
    recorder.count("miss", 1, 0)
    recorder.count("hit", 3, 0)
    recorder.count("hit", 4, SECOND_NS - 1)
    for number in range(1, 101):
        recorder.value("depth", float(number), 0)
    return recorder.finish(2 * SECOND_NS)[0]


def test_counters_come_by_name_with_their_rate() -> None:
    found = counters(snapshot(), SECOND_NS // 2)
    assert [(c.name, c.count, c.rate_per_s) for c in found] == [("hit", 7, 14), ("miss", 1, 2)]


def test_a_stretch_without_length_has_no_rate() -> None:
    assert counters(snapshot(), 0)[0].rate_per_s == 0


def test_values_have_their_distribution() -> None:
    (depth,) = values(snapshot())
    assert (depth.name, depth.count, depth.min, depth.max) == ("depth", 100, 1, 100)
    assert depth.mean == 50.5
    assert depth.p50 == pytest.approx(50, rel=0.004)
    assert depth.p95 == pytest.approx(95, rel=0.004)
    assert depth.p99 == pytest.approx(99, rel=0.004)


def test_nothing_recorded_is_nothing_shown() -> None:
    recorder = Recorder(plan([("steady", "steady", 1.0)], rate_per_s=None))
    (empty, *_) = recorder.finish(SECOND_NS)
    assert (counters(empty, SECOND_NS), values(empty)) == ((), ())

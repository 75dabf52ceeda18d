"""The figures of a run that goes on."""

from __future__ import annotations

import pytest

from stormdb._native import Recorder
from stormdb.report.tracker import Tracker
from tests.support.measured import MS_NS, SECOND_NS, Facts, Outcome, open_run, plan, result_of
from tests.unit.report.results import load_of

PHASES = [("warm-up", "warm_up", 2.0), ("steady", "steady", 4.0)]


def outcome(index: int, at_ns: int) -> Outcome:
    if index % 10 == 0:
        return Outcome(service_ns=MS_NS, sqlstate="40001", message="no", retried=["40001"])
    return Outcome(service_ns=2 * MS_NS, row="transfer" if index % 2 else "balance")


def test_figures_start_anew_with_the_first_steady_interval() -> None:
    result = open_run(PHASES, outcome, rate_per_s=100)
    tracker = Tracker(load_of(result))
    figures = [tracker.add(snapshot) for snapshot in result.intervals]
    # 100 a second, of which 10 fail.
    assert [sum(row.committed_count for row in f.rows) for f in figures[:6]] == [
        90,
        180,
        90,
        180,
        270,
        360,
    ]
    assert figures[5].throughput_per_s == pytest.approx(90)
    assert figures[5].retried_count == 40
    (failure,) = figures[5].failures
    assert (failure.sqlstate, failure.count, failure.example) == ("40001", 40, "no")
    # What drains afterwards does not count as steady.
    assert figures[-1].rows == figures[5].rows


def test_rows_have_their_own_rate_and_times() -> None:
    result = open_run(PHASES, outcome, rate_per_s=100)
    tracker = Tracker(load_of(result))
    for snapshot in result.intervals[:6]:
        figures = tracker.add(snapshot)
    balance, transfer = figures.rows
    assert (balance.name, balance.failed_count, balance.throughput_per_s) == ("balance", 0, 40)
    assert (transfer.name, transfer.failed_count) == ("transfer", 40)
    assert transfer.times is not None
    assert transfer.times.p50_ns == pytest.approx(2 * MS_NS, rel=1e-3)


def test_custom_metrics_are_those_so_far() -> None:
    def record(recorder: Recorder) -> None:
        for second in range(6):
            recorder.count("hit", 2, second * SECOND_NS)
            recorder.value("depth", float(second), second * SECOND_NS)

    result = open_run(PHASES, outcome, rate_per_s=100, extra=record)
    tracker = Tracker(load_of(result))
    figures = [tracker.add(snapshot) for snapshot in result.intervals]
    # The first steady interval is the third one.
    assert [f.counters[0].count for f in figures[:6]] == [2, 4, 2, 4, 6, 8]
    assert [f.counters[0].rate_per_s for f in figures[:6]] == [2] * 6
    assert [f.values[0].count for f in figures[:6]] == [1, 2, 1, 2, 3, 4]
    assert (figures[5].values[0].min, figures[5].values[0].max) == (2, 5)


def test_workers_and_generator_are_of_the_last_interval() -> None:
    result = open_run(PHASES, outcome, rate_per_s=100, facts=Facts(cpu_ratio=0.25))
    figures = Tracker(load_of(result)).add(result.intervals[0])
    # 90 times 2 ms and 10 times 1 ms in a second.
    assert figures.busy_workers == pytest.approx(0.19)
    assert figures.generator_busy_ratio == pytest.approx(0.25)


def test_what_was_offered_and_has_no_outcome_is_in_flight() -> None:
    made = plan([("steady", "steady", 3.0)], rate_per_s=None)
    recorder = Recorder(made)
    row = recorder.row("transfer")
    recorder.offer(0, 3)
    recorder.commit(row, 0, None, 0, 500 * MS_NS)
    recorder.commit(row, 1, None, 0, 1500 * MS_NS)
    result = result_of(made, recorder.finish(3 * SECOND_NS), "closed", Facts())
    tracker = Tracker(load_of(result))
    assert [tracker.add(s).in_flight for s in result.intervals[:3]] == [2, 1, 1]


def test_an_idle_interval_has_no_times() -> None:
    made = plan([("steady", "steady", 2.0)], rate_per_s=None)
    recorder = Recorder(made)
    result = result_of(made, recorder.finish(2 * SECOND_NS), "closed", Facts())
    figures = Tracker(load_of(result)).add(result.intervals[0])
    assert (figures.last_times, figures.times, figures.throughput_per_s) == (None, None, 0)

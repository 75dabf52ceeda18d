"""What the recorder hands out for what it was told."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import MAX_ROWS, Cell, IntervalSnapshot, Phase, Plan, Rate, Recorder

S = 1_000_000_000
MS = 1_000_000
_OPEN = Plan(
    [Phase("warm", "warm_up", 2 * S, Rate.hold(MS)), Phase("on", "steady", 2 * S, Rate.hold(MS))]
)
_CLOSED = Plan([Phase("on", "steady", 2 * S)])


def _merged(snapshots: list[IntervalSnapshot]) -> IntervalSnapshot:
    total = snapshots[0].copy()
    for snapshot in snapshots[1:]:
        total.merge(snapshot)
    return total


def _cell(snapshot: IntervalSnapshot, phase_index: int = 0) -> Cell:
    (cell,) = (cell for cell in snapshot.cells() if cell.phase_index == phase_index)
    return cell


def test_a_late_start_keeps_its_intended_start() -> None:
    recorder = Recorder(_OPEN)
    row = recorder.row("pay")
    recorder.commit(row, 0, 100 * MS, 600 * MS, 602 * MS)
    cell = _cell(_merged(recorder.finish(S)))
    assert cell.response_time.max_ns == pytest.approx(502 * MS, rel=0.001)
    assert cell.schedule_lag.max_ns == pytest.approx(500 * MS, rel=0.001)
    assert cell.service_time.max_ns == pytest.approx(2 * MS, rel=0.001)


def test_a_closed_loop_has_service_time_only() -> None:
    recorder = Recorder(_CLOSED)
    recorder.commit(recorder.row("pay"), 0, None, 5, 7)
    cell = _cell(_merged(recorder.finish(S)))
    assert (cell.service_time.count, cell.response_time.count, cell.schedule_lag.count) == (1, 0, 0)


def test_phase_of_the_arrival_and_interval_of_the_finish() -> None:
    recorder = Recorder(_OPEN)
    recorder.commit(recorder.row("pay"), 0, 2 * S - 1, 2 * S, 3 * S + 1)
    found = [[cell.phase_index for cell in s.cells()] for s in recorder.finish(3 * S + 2)]
    assert found == [[], [], [], [0]]


def test_a_stall_is_seen_second_by_second() -> None:
    recorder = Recorder(_OPEN)
    assert [s.interval_index for s in recorder.flip(3 * S)] == [0, 1, 2]
    assert recorder.current_interval.index == 3
    assert recorder.flip(3 * S + 1) == []


def test_a_finish_after_the_flip_is_not_lost() -> None:
    recorder = Recorder(_OPEN)
    row = recorder.row("pay")
    recorder.flip(S)
    recorder.commit(row, 0, 0, 0, S - 1)
    (snapshot,) = recorder.finish(S + 1)
    assert (snapshot.interval_index, _cell(snapshot).committed) == (1, 1)


def test_a_failure_has_its_own_time_code_and_message() -> None:
    recorder = Recorder(_OPEN)
    row = recorder.row("pay")
    recorder.fail(row, 0, 0, 10, 15, "40001", "could not serialize")
    recorder.fail(row, 0, 0, 10, 15, "40001", "another")
    recorder.retry(row, 0, 12, "40P01")
    total = _merged(recorder.finish(S))
    cell = _cell(total)
    assert (cell.failed, cell.retried) == ({"40001": 2}, {"40P01": 1})
    assert (cell.service_time.count, cell.failed_service_time.count) == (0, 2)
    assert total.examples == {"40001": "could not serialize"}


def test_an_operation_is_outside_of_the_accounting() -> None:
    recorder = Recorder(_OPEN)
    operation = recorder.row("read", "operation")
    recorder.commit(operation, 3, 0, 1, 2)
    recorder.fail(operation, 3, 0, 1, 2, "23505")
    total = _merged(recorder.finish(S))
    (cell,) = total.cells()
    assert (cell.kind, cell.committed, cell.response_time.count) == ("operation", 1, 0)
    assert total.workers == {}
    assert total.identity() == []


_OUTCOMES = st.sampled_from(["commit", "roll_back", "fail", "drop", "unfinished"])


@given(outcomes=st.lists(st.tuples(st.integers(0, 4 * S - 1), _OUTCOMES)), flips=st.integers(1, 5))
def test_every_offered_arrival_has_one_outcome(outcomes: list[tuple[int, str]], flips: int) -> None:
    recorder = Recorder(_OPEN)
    row = recorder.row("pay")
    parts = []
    for number, (due_ns, outcome) in enumerate(sorted(outcomes)):
        recorder.offer(due_ns)
        if outcome == "drop":
            recorder.drop(due_ns, "queue full")
        elif outcome == "unfinished":
            recorder.unfinished(due_ns)
        elif outcome == "fail":
            recorder.fail(row, 0, due_ns, due_ns, due_ns + S, "40001")
        else:
            getattr(recorder, outcome)(row, 0, due_ns, due_ns, due_ns + S)
        if number % flips == 0:
            parts += recorder.flip(due_ns)
    total = _merged(parts + recorder.finish(6 * S))
    identity = total.identity()
    assert sum(phase.offered for phase in identity) == len(outcomes)
    for phase in identity:
        assert phase.holds, phase
        assert phase.dropped == sum(phase.dropped_by_reason.values())
    for name, count in [
        ("commit", sum(phase.committed for phase in identity)),
        ("roll_back", sum(phase.rolled_back for phase in identity)),
        ("fail", sum(phase.failed for phase in identity)),
        ("drop", sum(phase.dropped for phase in identity)),
        ("unfinished", sum(phase.unfinished for phase in identity)),
    ]:
        assert count == sum(outcome == name for _, outcome in outcomes)


def test_custom_metrics_may_be_negative() -> None:
    recorder = Recorder(_CLOSED)
    for value in (-2.5, 0.0, 1e-3, 7e6):
        recorder.value("balance", value, 5)
    recorder.count("hits", 3, 5)
    recorder.count("hits", 4, 5)
    total = _merged(recorder.finish(S))
    sketch = total.values["balance"]
    assert (sketch.count, sketch.min, sketch.max) == (4, -2.5, 7e6)
    assert sketch.sum == pytest.approx(6_999_997.501)
    assert sketch.quantile(0.75) == pytest.approx(1e-3, rel=0.004)
    assert total.counters == {"hits": 7}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="a custom value is not finite"):
        Recorder(_CLOSED).value("x", value, 0)


def test_gauges_are_by_process() -> None:
    one, two = Recorder(_CLOSED, 1), Recorder(_CLOSED, 2)
    one.gauge(5, 6, 7)
    one.gauge(5, 2, 9)
    total = _merged(one.finish(0) + two.finish(0))
    loads = {
        index: (p.cpu_ns, p.loop_lag_max_ns, p.rss_bytes) for index, p in total.processes.items()
    }
    assert loads == {1: (10, 6, 9), 2: (0, 0, 0)}


def test_what_is_wrong_is_said_with_a_way_out() -> None:
    recorder = Recorder(_CLOSED)
    row = recorder.row("pay")
    for number in range(MAX_ROWS - 1):
        recorder.row(f"row {number}")
    cases = [
        (lambda: recorder.row("more"), f"more than {MAX_ROWS} different rows"),
        (lambda: recorder.row(""), "a name of 0 bytes"),
        (lambda: recorder.row("x", "query"), "kind `query` is unknown"),  # type: ignore[arg-type]
        (
            lambda: recorder.commit(MAX_ROWS, 0, None, 0, 0),
            f"row {MAX_ROWS} is not one of this recorder's",
        ),
        (lambda: recorder.commit(row, 16_384, None, 0, 0), "worker 16384 is past the last one"),
        (lambda: recorder.fail(row, 0, None, 0, 0, "oops!"), "an SQLSTATE is five"),
    ]
    for call, says in cases:
        with pytest.raises(ValueError, match=f"{says}.*; hint: "):
            call()
    with pytest.raises(OverflowError):
        recorder.commit(row, 0, None, -1, 0)


def test_after_the_end_everything_is_refused() -> None:
    recorder = Recorder(_CLOSED)
    recorder.finish(0)
    with pytest.raises(ValueError, match="the recorder is finished; hint: make a new one"):
        recorder.offer(0)
    with pytest.raises(ValueError, match="the recorder is finished"):
        _ = recorder.current_interval

"""Intended starts."""

import math
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import Phase, Plan, Rate, Schedule

S = 1_000_000_000
PER_S = 1_000_000


def _plan(*rates: Rate, duration_ns: int = 2 * S, arrival: str = "constant", seed: int = 0) -> Plan:
    phases = [Phase("p", "steady", duration_ns, rate) for rate in rates]
    return Plan(phases, arrival=arrival, seed=seed)  # type: ignore[arg-type]


@given(rate=st.integers(1, 10**9), index=st.integers(0, 2**31))
def test_a_held_rate_is_exact_integer_arithmetic(rate: int, index: int) -> None:
    due_ns = index * 10**15 // rate
    duration_ns = 366 * 86_400 * S
    plan = _plan(Rate.hold(rate), duration_ns=duration_ns)
    first = next(Schedule(plan, index, 2**32 - 1), None)
    assert first == ((index, due_ns, 0) if due_ns < duration_ns else None)


@given(
    rate=st.integers(PER_S, 50 * PER_S),
    node_count=st.integers(1, 9),
    arrival=st.sampled_from(["constant", "poisson"]),
    seed=st.integers(0, 2**64 - 1),
)
def test_each_arrival_belongs_to_exactly_one_node(
    rate: int, node_count: int, arrival: str, seed: int
) -> None:
    plan = _plan(Rate.hold(rate), Rate.ramp(0, rate), arrival=arrival, seed=seed)
    owned = [due for node in range(node_count) for due in Schedule(plan, node, node_count)]
    assert sorted(owned) == list(Schedule(plan))
    assert [due[0] for due in sorted(owned)] == list(range(len(owned)))


@given(
    start=st.integers(0, 100 * PER_S), end=st.integers(1, 100 * PER_S), seconds=st.integers(1, 20)
)
def test_a_ramp_follows_the_integral_of_its_rate(start: int, end: int, seconds: int) -> None:
    plan = _plan(Rate.ramp(start, end), duration_ns=seconds * S)
    due = list(Schedule(plan))
    assert len(due) == plan.planned_count(0) == math.ceil((start + end) * seconds / 2 / PER_S)
    for index, at_ns, _ in due:
        t = at_ns / S
        exact = (start * t + (end - start) * t * t / 2 / seconds) / PER_S
        # One nanosecond at up to 100/s is 1e-7 arrivals.
        assert exact == pytest.approx(index, abs=2e-7)


def test_a_spike_offers_more_while_it_lasts() -> None:
    plan = _plan(Rate.spike(10 * PER_S, 100 * PER_S, S // 2, S))
    due_ns = [at_ns for _, at_ns, _ in Schedule(plan)]
    within = [at_ns for at_ns in due_ns if S // 2 <= at_ns < 3 * S // 2]
    assert (len(within), len(due_ns)) == (100, 110)


def test_a_sine_offers_its_mean() -> None:
    plan = _plan(Rate.sine(100 * PER_S, 90 * PER_S, S))
    due_ns = [at_ns for _, at_ns, _ in Schedule(plan)]
    assert len(due_ns) == pytest.approx(200, abs=1)
    up = sum(at_ns % S < S // 2 for at_ns in due_ns)
    # The first half of a period has mean + 2/pi of the amplitude.
    assert up == pytest.approx(100 * (1 + 2 / math.pi * 0.9), abs=2)


def test_poisson_gaps_are_exponential() -> None:
    due_ns = [at for _, at, _ in Schedule(_plan(Rate.hold(10**10), arrival="poisson", seed=3))]
    gaps_ns = [after - before for before, after in pairwise(due_ns)]
    # 20 000 gaps of 100 µs: mean and deviation within 4 standard errors (0.7 % and 1 %).
    assert statistics.fmean(gaps_ns) == pytest.approx(100_000, rel=4 * 0.0071)
    assert statistics.stdev(gaps_ns) == pytest.approx(100_000, rel=4 * 0.01)


def test_peeking_takes_nothing() -> None:
    schedule = Schedule(_plan(Rate.hold(PER_S)))
    assert schedule.peek() == schedule.peek() == next(schedule) == (0, 0, 0)
    assert next(schedule) == (1, S, 0)
    assert schedule.peek() is None
    assert next(schedule, None) is None


def test_a_closed_loop_has_no_arrivals() -> None:
    assert list(Schedule(Plan([Phase("p", "steady", S)]))) == []


def test_a_node_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="node 2 of 2 does not exist; hint: nodes count from 0"):
        Schedule(_plan(Rate.hold(PER_S)), 2, 2)

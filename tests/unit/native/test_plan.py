"""Plans and their time line."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import Phase, Plan, Rate

S = 1_000_000_000
PER_S = 1_000_000


def _plan(*lengths_ns: int, interval_ns: int = S) -> Plan:
    phases = (Phase(f"p{index}", "steady", ns) for index, ns in enumerate(lengths_ns))
    return Plan(phases, interval_ns=interval_ns)


def test_a_plan_gives_back_what_it_was_made_of() -> None:
    rate = Rate.spike(PER_S, 5 * PER_S, S, S)
    plan = Plan(
        [Phase("burst", "ramp", 3 * S, rate)], arrival="poisson", seed=7, interval_ns=S // 2
    )
    (phase,) = plan.phases
    assert (phase.name, phase.role, phase.duration_ns, phase.rate) == ("burst", "ramp", 3 * S, rate)
    assert (plan.arrival, plan.seed, plan.interval_ns) == ("poisson", 7, S // 2)
    assert (plan.duration_ns, plan.is_open_loop, plan.interval_count) == (3 * S, True, 6)


def test_a_plan_survives_pickling() -> None:
    plan = _plan(S, 2 * S)
    assert pickle.loads(pickle.dumps(plan)) == plan == Plan.from_bytes(plan.to_bytes())
    assert plan != _plan(S, 3 * S)


@given(
    lengths_ms=st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    interval_ms=st.integers(1, 2000),
)
def test_intervals_never_lie_in_two_phases(lengths_ms: list[int], interval_ms: int) -> None:
    plan = _plan(*(ms * 1_000_000 for ms in lengths_ms), interval_ns=interval_ms * 1_000_000)
    end_ns = 0
    for index in range(plan.interval_count + 2):
        interval = plan.interval(index)
        assert interval.start_ns == end_ns
        end_ns = interval.end_ns
        assert plan.phase_at(interval.start_ns) == interval.phase_index
        assert plan.phase_at(interval.end_ns - 1) == interval.phase_index
        assert plan.interval_at(interval.end_ns - 1) == interval


def test_after_the_last_phase_come_drain_intervals() -> None:
    plan = _plan(S + S // 2)
    drain = plan.interval(plan.interval_count)
    assert (drain.phase_index, drain.start_ns, drain.end_ns) == (None, S + S // 2, 2 * S + S // 2)
    assert plan.phase_at(drain.start_ns) is None


def test_planned_counts() -> None:
    ramp = Phase("up", "ramp", 10 * S, Rate.ramp(0, 20 * PER_S))
    hold = Phase("on", "steady", 3 * S, Rate.hold(PER_S // 2))
    plan = Plan([ramp, hold])
    assert [plan.planned_count(index) for index in (0, 1)] == [100, 2]
    assert plan.phase_start_ns(1) == 10 * S
    assert _plan(S).planned_count(0) == 0
    with pytest.raises(IndexError, match="phase 2 does not exist; hint: the plan has 2 phases"):
        plan.planned_count(2)


@pytest.mark.parametrize(
    ("phases", "says"),
    [
        ([], "plan: it has 0 phases; hint: give 1 to 1000 phases"),
        ([Phase("a", "steady", 0)], "phase `a`: it lasts 0 ns"),
        ([Phase("a", "steady", S, Rate.hold(0))], "phase `a`: the offered rate is 0"),
        ([Phase("a", "steady", S, Rate.ramp(0, 0))], "phase `a`: the offered rate is 0"),
        ([Phase("a", "steady", S, Rate.hold(2**60))], "phase `a`: the offered rate of"),
        ([Phase("a", "steady", S, Rate.sine(1, 2, S))], "amplitude is above its mean"),
        ([Phase("a", "steady", S, Rate.sine(2, 1, 5))], "the sine's period is 5 ns"),
        ([Phase("a", "steady", S, Rate.spike(1, 2, S, 1))], "ends after the phase"),
        (
            [Phase("a", "steady", S, Rate.hold(1)), Phase("b", "steady", S)],
            "phase `b`: it is closed loop, but phase `a` is open loop",
        ),
    ],
)
def test_an_impossible_plan_says_where_and_why(phases: list[Phase], says: str) -> None:
    with pytest.raises(ValueError, match=says) as raised:
        Plan(phases)
    assert "; hint: " in str(raised.value)


def test_unknown_words_are_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="role `warmup` is unknown; hint: use one of warm_up, ramp"
    ):
        Phase("a", "warmup", S)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="arrival `gamma` is unknown; hint: use one of constant"):
        Plan([Phase("a", "steady", S)], arrival="gamma")  # type: ignore[arg-type]


def test_bytes_that_are_no_plan_are_refused() -> None:
    with pytest.raises(ValueError, match=r"plan: .*; hint: "):
        Plan.from_bytes(b"\x00")

"""The books of a process that was lost: every arrival that it had is in them."""

from __future__ import annotations

from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from stormdb._native import IntervalSnapshot, Phase, PhaseIdentity, Plan, Rate, Recorder, Schedule
from stormdb.executor.ledger import Ledger

SECOND_NS = 10**9
PHASES = (("warm-up", "warm_up", 2), ("steady", "steady", 8))


def _plan(rate_per_s: int | None) -> Plan:
    rate = None if rate_per_s is None else Rate.hold(rate_per_s * 10**6)
    return Plan([Phase(name, role, length * SECOND_NS, rate) for name, role, length in PHASES])


def _total(snapshots: list[IntervalSnapshot]) -> list[PhaseIdentity]:
    first, *rest = snapshots
    for snapshot in rest:
        first.merge(snapshot)
    return first.identity()


@settings(max_examples=60, deadline=None)
@given(
    rate=st.integers(1, 200),
    told_s=st.integers(0, 12),
    silent_ns=st.integers(0, 2 * SECOND_NS),
    stuck=st.integers(0, 30),
    node=st.integers(0, 2),
    stop_s=st.one_of(st.none(), st.integers(1, 12)),
)
def test_open_loop_offers_what_the_schedule_had_for_it(
    *, rate: int, told_s: int, silent_ns: int, stuck: int, node: int, stop_s: int | None
) -> None:
    plan = _plan(rate)
    ledger = Ledger(plan, node, 3)
    recorder = Recorder(plan, node)
    row = recorder.row("work")
    told_ns, lost_ns = told_s * SECOND_NS, told_s * SECOND_NS + silent_ns
    until_ns = lost_ns if stop_s is None else min(lost_ns, stop_s * SECOND_NS)
    mine = list(Schedule(plan, node, 3))
    told = [at_ns for _, at_ns, _ in mine if at_ns <= min(told_ns, until_ns)]
    for position, at_ns in enumerate(told):
        recorder.offer(at_ns)
        if position >= stuck:
            recorder.commit(row, 0, at_ns, at_ns, at_ns)
    snapshots = recorder.flip(told_ns)
    for snapshot in snapshots:
        ledger.add(snapshot, 0)
    last, lost_count = ledger.write_off(lost_ns, until_ns)
    assert last.interval_index == plan.interval_at(lost_ns).index
    identities = _total([*snapshots, last])
    assert all(phase.holds for phase in identities)
    expected = sum(at_ns <= until_ns for _, at_ns, _ in mine)
    assert sum(phase.offered for phase in identities) == expected
    assert sum(phase.unfinished for phase in identities) == lost_count


def test_closed_loop_counts_the_calls_that_were_being_made() -> None:
    plan = _plan(None)
    recorder, ledger = Recorder(plan, 1), Ledger(plan, 1, 2)
    row = recorder.row("work")
    for at_ns in range(0, 3 * SECOND_NS, SECOND_NS // 10):
        recorder.offer(at_ns)
        recorder.commit(row, 0, None, at_ns, at_ns + 1000)
    snapshots = recorder.flip(3 * SECOND_NS)
    for snapshot in snapshots:
        ledger.add(snapshot, 5)
    last, lost_count = ledger.write_off(3 * SECOND_NS + 700_000_000, 10 * SECOND_NS)
    assert lost_count == 5
    assert ledger.known_ns == 3 * SECOND_NS
    warm_up, steady = _total([*snapshots, last])
    assert (warm_up.offered, warm_up.unfinished) == (20, 0)
    assert (steady.offered, steady.unfinished) == (15, 5)


def test_a_process_that_never_spoke_had_its_arrivals_all_the_same() -> None:
    plan = _plan(100)
    last, lost_count = Ledger(plan, 0, 1).write_off(SECOND_NS // 2, 10 * SECOND_NS)
    assert lost_count == 51  # one at 0, then one each 10 ms
    (warm_up,) = last.identity()
    assert (warm_up.offered, warm_up.unfinished) == (51, 51)
    assert list(islice(last.processes, 2)) == [0]

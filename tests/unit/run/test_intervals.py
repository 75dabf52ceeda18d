"""Merging the snapshots of processes by interval."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import IntervalSnapshot, Phase, Plan, Recorder
from stormdb.run.intervals import IntervalCollector

SECOND = 10**9
PLAN = Plan([Phase("steady", "steady", 20 * SECOND)])


def snapshots(process: int, count: int) -> list[IntervalSnapshot]:
    """One committed transaction in the middle of each interval."""
    recorder = Recorder(PLAN, process)
    row = recorder.row("only")
    taken = []
    for index in range(count):
        start_ns = index * SECOND + SECOND // 2
        recorder.offer(start_ns)
        recorder.commit(row, process, None, start_ns, start_ns + 1000)
        taken += recorder.flip((index + 1) * SECOND)
    return taken


def committed(snapshot: IntervalSnapshot) -> int:
    return sum(cell.committed for cell in snapshot.cells())


def test_an_interval_is_published_when_every_process_delivered_it() -> None:
    published: list[IntervalSnapshot] = []
    collector = IntervalCollector(2, published.append)
    first, second = snapshots(0, 2), snapshots(1, 2)
    collector.add(first)
    assert published == []
    collector.add(second[:1])
    assert [snapshot.interval_index for snapshot in published] == [0]
    assert committed(published[0]) == 2
    collector.add(second[1:])
    assert [snapshot.interval_index for snapshot in published] == [0, 1]


def test_a_process_that_is_lost_does_not_hold_up_the_others() -> None:
    published: list[IntervalSnapshot] = []
    collector = IntervalCollector(2, published.append)
    collector.add(snapshots(0, 5))
    assert [snapshot.interval_index for snapshot in published] == [0, 1]
    collector.close()
    assert [snapshot.interval_index for snapshot in published] == [0, 1, 2, 3, 4]


def test_what_comes_late_still_counts() -> None:
    published: list[IntervalSnapshot] = []
    collector = IntervalCollector(2, published.append)
    collector.add(snapshots(0, 5))
    collector.close()
    collector.add(snapshots(1, 1))
    assert len(published) == 5
    assert [committed(snapshot) for snapshot in collector.merged] == [2, 1, 1, 1, 1]


@given(st.permutations([0, 1, 2] * 6))
def test_it_does_not_matter_which_process_is_faster(order: list[int]) -> None:
    waiting = {process: snapshots(process, 6) for process in range(3)}
    published: list[int] = []
    collector = IntervalCollector(3, lambda snapshot: published.append(snapshot.interval_index))
    for process in order:
        collector.add([waiting[process].pop(0)])
    collector.close()
    assert published == list(range(6))
    assert [committed(snapshot) for snapshot in collector.merged] == [3] * 6

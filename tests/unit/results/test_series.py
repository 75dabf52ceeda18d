"""Snapshots that are kept small."""

from __future__ import annotations

from stormdb._native import IntervalSnapshot, Phase, Plan, Recorder
from stormdb.results import IntervalSeries

SECOND = 10**9
PLAN = Plan([Phase("steady", "steady", 20 * SECOND)])


def snapshots(count: int, process: int = 0) -> list[IntervalSnapshot]:
    recorder = Recorder(PLAN, process)
    row = recorder.row("only")
    for index in range(count):
        start_ns = index * SECOND
        recorder.offer(start_ns)
        recorder.commit(row, process, None, start_ns, start_ns + 1000 * (index + 1))
    return recorder.flip(count * SECOND)


def test_it_reads_back_what_was_put_in() -> None:
    given = snapshots(5)
    series = IntervalSeries(given)
    assert len(series) == 5
    assert list(series) == given
    assert series[-1] == given[-1]
    assert list(series[1:3]) == given[1:3]
    series.append(given[0])
    assert series[5] == given[0]


def test_a_copy_that_is_changed_changes_nothing_here() -> None:
    given = snapshots(2)
    series = IntervalSeries(given)
    series[0].merge(given[1])
    assert series[0] == given[0]


def test_what_comes_late_is_merged_where_it_belongs() -> None:
    given, late = snapshots(3), snapshots(3, process=1)
    series = IntervalSeries(given)
    series.merge_into(1, late[1])
    assert [sum(cell.committed for cell in snapshot.cells()) for snapshot in series] == [1, 2, 1]
    assert sorted(series[1].processes) == [0, 1]

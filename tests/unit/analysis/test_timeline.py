"""Which intervals are steady, how long they truly were, and what one of them says."""

from __future__ import annotations

from dataclasses import replace

from stormdb._native import Recorder
from stormdb.analysis.timeline import DRAIN, Timeline, interval_point, merged_snapshot
from stormdb.results import PhaseInfo
from tests.support.measured import MS_NS, SECOND_NS, Facts, Outcome, closed_run, plan, result_of

PHASES = [("warm-up", "warm_up", 2.0), ("hold", "steady", 2.5), ("peak", "steady", 1.0)]


def test_steady_intervals_are_those_of_all_steady_phases_at_their_true_length() -> None:
    result = closed_run(PHASES, lambda worker, at_ns: Outcome(service_ns=100 * MS_NS))
    timeline = Timeline.of(result)
    assert timeline.steady_phases == (1, 2)
    # 2.5 s are two whole intervals and half a one.
    assert [s.first_interval.start_ns for s in timeline.steady] == [
        2 * SECOND_NS,
        3 * SECOND_NS,
        4 * SECOND_NS,
        4_500_000_000,
    ]
    assert timeline.steady_ns == 3_500_000_000


def test_the_interval_in_which_a_phase_was_stopped_is_left_out() -> None:
    result = closed_run(
        [("steady", "steady", 3.0)], lambda worker, at_ns: Outcome(service_ns=100 * MS_NS)
    )
    stopped = [
        PhaseInfo(
            name="steady", role="steady", start_ns=0, end_ns=1_300_000_000, planned_ns=3 * SECOND_NS
        )
    ]
    timeline = Timeline.of(replace(result, phases=stopped))
    assert [s.interval_index for s in timeline.steady] == [0]
    assert timeline.steady_ns == SECOND_NS


def test_the_interval_in_which_a_phase_was_stopped_counts_if_it_is_the_only_one() -> None:
    result = closed_run(
        [("steady", "steady", 3.0)], lambda worker, at_ns: Outcome(service_ns=100 * MS_NS)
    )
    stopped = [
        PhaseInfo(
            name="steady", role="steady", start_ns=0, end_ns=400_000_000, planned_ns=3 * SECOND_NS
        )
    ]
    timeline = Timeline.of(replace(result, phases=stopped))
    assert [s.interval_index for s in timeline.steady] == [0]
    assert timeline.steady_ns == 400_000_000


def test_a_point_counts_what_finished_in_its_interval_whatever_phase_it_arrived_in() -> None:
    made = plan([("warm-up", "warm_up", 1.0), ("steady", "steady", 1.0)], rate_per_s=None)
    recorder = Recorder(made)
    row = recorder.row("transfer")
    recorder.offer(900 * MS_NS)
    recorder.commit(row, 0, None, 900 * MS_NS, 1_200 * MS_NS)
    recorder.offer(1_200 * MS_NS)
    recorder.commit(row, 0, None, 1_200 * MS_NS, 1_300 * MS_NS)
    recorder.offer(1_300 * MS_NS)
    recorder.fail(row, 0, None, 1_300 * MS_NS, 1_350 * MS_NS, "40P01")
    result = result_of(made, recorder.finish(2 * SECOND_NS), "closed", Facts())
    first, second = (
        interval_point(snapshot, result.phases, is_open_loop=False)
        for snapshot in result.intervals[:2]
    )
    assert (first.offered_count, first.committed_count, first.time_p50_ns) == (1, 0, None)
    assert (second.phase, second.role) == ("steady", "steady")
    assert (second.offered_count, second.committed_count, second.failed_count) == (2, 2, 1)
    assert second.throughput_per_s == 2.0
    assert second.time_max_ns is not None
    assert abs(second.time_max_ns - 300 * MS_NS) <= 300 * MS_NS // 1000


def test_intervals_after_the_stop_are_drain() -> None:
    result = closed_run(
        [("steady", "steady", 2.0)], lambda worker, at_ns: Outcome(service_ns=100 * MS_NS)
    )
    stopped = [
        PhaseInfo(
            name="steady", role="steady", start_ns=0, end_ns=SECOND_NS, planned_ns=2 * SECOND_NS
        )
    ]
    points = [interval_point(s, stopped, is_open_loop=False) for s in result.intervals]
    assert [point.role for point in points[:2]] == ["steady", DRAIN]


def test_the_interval_of_a_stop_is_as_long_as_its_phase_was() -> None:
    result = closed_run(
        [("steady", "steady", 2.0)], lambda worker, at_ns: Outcome(service_ns=100 * MS_NS)
    )
    end_ns = SECOND_NS + SECOND_NS // 2
    stopped = [
        PhaseInfo(name="steady", role="steady", start_ns=0, end_ns=end_ns, planned_ns=2 * SECOND_NS)
    ]
    first, cut = (interval_point(s, stopped, is_open_loop=False) for s in result.intervals[:2])
    assert (first.length_ns, cut.length_ns) == (SECOND_NS, SECOND_NS // 2)
    assert cut.throughput_per_s == 2 * cut.committed_count


def test_merging_snapshots_leaves_them_as_they_are() -> None:
    result = closed_run(
        [("steady", "steady", 3.0)], lambda worker, at_ns: Outcome(service_ns=100 * MS_NS)
    )
    before = [snapshot.to_bytes() for snapshot in result.intervals]
    assert merged_snapshot(result.intervals) is not None
    assert [snapshot.to_bytes() for snapshot in result.intervals] == before
    assert merged_snapshot([]) is None

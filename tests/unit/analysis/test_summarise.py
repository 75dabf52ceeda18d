"""The figures of a summary, each worked out beside the recorded times."""

from __future__ import annotations

import pytest

from stormdb._native import Recorder
from stormdb.analysis import Summary, summarise
from stormdb.config.thresholds import parse_threshold
from stormdb.results import RunResult
from tests.support.measured import (
    MS_NS,
    SECOND_NS,
    Facts,
    Outcome,
    closed_run,
    open_run,
    plan,
    result_of,
)

WARM_UP_AND_STEADY = [("warm-up", "warm_up", 2.0), ("steady", "steady", 20.0)]


@pytest.fixture(scope="module")
def closed() -> Summary:
    """4 workers, 10 ms a transaction: 400/s. Each fourth of a worker's is a `report` of 30 ms."""
    counts = dict.fromkeys(range(4), 0)

    def outcome(worker: int, at_ns: int) -> Outcome:
        counts[worker] += 1
        if counts[worker] % 4 == 0:
            return Outcome(service_ns=30 * MS_NS, row="report")
        return Outcome(service_ns=10 * MS_NS, row="transfer")

    return summarise(closed_run(WARM_UP_AND_STEADY, outcome))


@pytest.fixture(scope="module")
def opened() -> Summary:
    """100/s, 5 ms each; every tenth arrival fails after 2 ms, every 50th is rolled back."""

    def outcome(index: int, at_ns: int) -> Outcome:
        if index % 50 == 25:
            return Outcome(service_ns=5 * MS_NS, rolls_back=True)
        if index % 10 == 0:
            return Outcome(
                service_ns=2 * MS_NS, sqlstate="40001", message="no", retried=["40001", "40P01"]
            )
        return Outcome(service_ns=5 * MS_NS, parts=[("read", MS_NS), ("write", 2 * MS_NS)])

    return summarise(open_run(WARM_UP_AND_STEADY, outcome, rate_per_s=100))


def within(time_ns: float) -> object:
    """What a histogram may make of a time."""
    return pytest.approx(time_ns, rel=1e-3)


def test_closed_loop_measures_service_time_and_has_no_response_time(closed: Summary) -> None:
    assert closed.main_time == "service_time"
    assert not closed.is_open_loop
    assert closed.total.response_time is None
    assert closed.total.schedule_lag is None
    assert closed.total.service_time is not None
    assert closed.total.service_time.p50_ns == within(10 * MS_NS)
    assert closed.total.service_time.max_ns == within(30 * MS_NS)


def test_throughput_is_what_finished_in_the_steady_intervals_over_their_length(
    closed: Summary,
) -> None:
    # 4 transactions of a worker take 60 ms: 4 workers do 4 / 0.06 * 4 = 266.67/s.
    assert closed.steady_ns == 20 * SECOND_NS
    assert closed.throughput.per_s == pytest.approx(266.67, abs=0.5)
    assert closed.throughput.interval_count == 20
    assert closed.throughput.low_per_s is not None
    assert closed.throughput.high_per_s is not None
    assert closed.throughput.low_per_s <= closed.throughput.per_s <= closed.throughput.high_per_s


def test_rows_add_up_to_the_total(closed: Summary) -> None:
    report, transfer = closed.transactions
    assert (report.name, transfer.name) == ("report", "transfer")
    assert report.committed_count + transfer.committed_count == closed.total.committed_count
    assert report.share_ratio == pytest.approx(0.25, abs=0.001)
    assert transfer.share_ratio == pytest.approx(0.75, abs=0.001)
    assert report.throughput_per_s + transfer.throughput_per_s == pytest.approx(
        closed.throughput.per_s
    )
    assert report.service_time is not None
    assert report.service_time.p50_ns == within(30 * MS_NS)


def test_workers_are_compared(closed: Summary) -> None:
    spread = closed.workers
    assert spread is not None
    assert (spread.worker_count, spread.idle_count) == (4, 0)
    assert spread.busy_ratio == pytest.approx(1.0, abs=0.01)
    assert spread.throughput_median_per_s == pytest.approx(66.67, abs=0.2)
    assert spread.service_time_mean_median_ns == pytest.approx(15 * MS_NS, rel=0.01)


def test_a_worker_that_did_nothing_is_counted_as_idle() -> None:
    summary = summarise(
        closed_run(
            [("steady", "steady", 2.0)],
            lambda worker, at_ns: Outcome(service_ns=(9_000 if worker == 2 else 10) * MS_NS),
        )
    )
    assert summary.workers is not None
    assert (summary.workers.worker_count, summary.workers.idle_count) == (4, 1)
    assert summary.workers.throughput_min_per_s == 0


def test_open_loop_counts_offered_failed_and_rolled_back(opened: Summary) -> None:
    # 2000 arrivals in the steady phase: 200 at tens fail, 40 at 25 of 50 are rolled back.
    assert opened.main_time == "response_time"
    assert opened.offered_per_s == pytest.approx(100)
    assert opened.total.failed_count == 200
    assert opened.total.rolled_back_count == 40
    assert opened.total.committed_count == 1760
    assert opened.throughput.per_s == pytest.approx(88)
    assert opened.error_ratio == pytest.approx(0.1)
    assert opened.dropped_ratio == 0


def test_failures_have_their_name_their_rows_and_an_example(opened: Summary) -> None:
    first, second = opened.failures
    assert (first.sqlstate, first.condition) == ("40001", "serialization_failure")
    assert (first.count, first.other_phases_count) == (200, 20)
    assert first.rows == {"transfer": 200}
    assert first.example == "no"
    assert first.retried_count == 200
    # Retried for it, but never ended by it.
    assert (second.sqlstate, second.count, second.retried_count) == ("40P01", 0, 200)


def test_retries_are_tries_beyond_the_first(opened: Summary) -> None:
    assert opened.total.retried_count == 400
    assert opened.retry_ratio == pytest.approx(0.2)


def test_parts_are_operations_outside_of_the_total(opened: Summary) -> None:
    read, write = opened.operations
    assert (read.name, read.kind, read.committed_count) == ("read", "operation", 1760)
    assert (read.share_ratio, read.response_time) == (0, None)
    assert write.service_time is not None
    assert write.service_time.p50_ns == within(2 * MS_NS)


def test_failed_times_are_kept_apart(opened: Summary) -> None:
    assert opened.total.failed_service_time is not None
    assert opened.total.failed_service_time.p50_ns == within(2 * MS_NS)
    assert opened.total.service_time is not None
    assert opened.total.service_time.min_ns == within(5 * MS_NS)


def test_accounting_holds_per_phase_and_in_total(opened: Summary) -> None:
    warm_up, steady = opened.phases
    assert (warm_up.offered_count, steady.offered_count) == (200, 2000)
    for phase in (warm_up, steady, opened.accounting):
        assert phase.holds
        assert phase.offered_count == (
            phase.committed_count
            + phase.rolled_back_count
            + phase.failed_count
            + phase.dropped_count
            + phase.unfinished_count
        )
    assert opened.accounting.offered_count == 2200


def test_the_time_line_covers_warm_up_too(opened: Summary) -> None:
    assert [point.role for point in opened.intervals[:3]] == ["warm_up", "warm_up", "steady"]
    assert opened.intervals[2].offered_count == 100
    assert sum(point.committed_count for point in opened.intervals) == (
        opened.accounting.committed_count
    )


def test_waiting_for_a_busy_server_is_response_time_and_lag_but_not_service_time() -> None:
    # The server stands still from second 4 to second 5: the 100 arrivals of that second, a tenth
    # of all, wait from 1 s down to 0 s.
    def outcome(index: int, at_ns: int) -> Outcome:
        stalled = 4 * SECOND_NS <= at_ns < 5 * SECOND_NS
        return Outcome(service_ns=5 * SECOND_NS - at_ns if stalled else MS_NS)

    summary = summarise(open_run([("steady", "steady", 10.0)], outcome, rate_per_s=100))
    total = summary.total
    assert total.response_time is not None
    assert total.service_time is not None
    assert total.schedule_lag is not None
    assert total.response_time.p50_ns == within(MS_NS)
    assert total.response_time.p95_ns == pytest.approx(500 * MS_NS, rel=0.05)
    assert total.response_time.p99_ns == pytest.approx(900 * MS_NS, rel=0.02)
    assert total.service_time.p99_ns == within(MS_NS)
    assert total.schedule_lag.p99_ns == pytest.approx(860 * MS_NS, rel=0.02)
    assert summary.accounting.holds


def test_drops_are_counted_with_their_reason() -> None:
    # 4 workers at 100 ms do 40/s of the 100/s offered; the queue takes 10.
    summary = summarise(
        open_run(
            [("steady", "steady", 10.0)],
            lambda index, at_ns: Outcome(service_ns=100 * MS_NS),
            rate_per_s=100,
            max_queue=10,
        )
    )
    assert list(summary.drops) == ["queue_full"]
    dropped = summary.drops["queue_full"]
    assert dropped == 1000 - summary.total.committed_count
    assert summary.dropped_ratio == pytest.approx(dropped / 1000)
    assert summary.throughput.per_s == pytest.approx(40, abs=0.5)


def with_custom_metrics(recorder: Recorder) -> None:
    for second in range(22):
        recorder.count("cache_miss", 3, second * SECOND_NS)
        recorder.value("rows_per_batch", float(second), second * SECOND_NS)


def test_custom_metrics_are_of_the_steady_intervals() -> None:
    summary = summarise(
        closed_run(
            WARM_UP_AND_STEADY,
            lambda worker, at_ns: Outcome(service_ns=100 * MS_NS),
            extra=with_custom_metrics,
        )
    )
    (counter,) = summary.counters
    assert (counter.name, counter.count, counter.rate_per_s) == ("cache_miss", 60, 3.0)
    (value,) = summary.values
    # Seconds 2 to 21: the mean is 11.5, the median within 0.4 % of 11 or 12.
    assert (value.name, value.count, value.mean) == ("rows_per_batch", 20, 11.5)
    assert (value.min, value.max) == (2, 21)
    assert 10.9 <= value.p50 <= 12.1
    assert value.p99 == pytest.approx(21, rel=0.004)


def test_generator_load_is_a_ratio_of_the_steady_time() -> None:
    facts = Facts(processes=2, cpu_ratio=0.4, loop_lag_ns=3 * MS_NS)
    summary = summarise(
        closed_run(
            WARM_UP_AND_STEADY,
            lambda worker, at_ns: Outcome(service_ns=100 * MS_NS),
            facts=facts,
        )
    )
    assert [load.process_index for load in summary.generator_load] == [0, 1]
    for load in summary.generator_load:
        assert load.cpu_busy_ratio == pytest.approx(0.4)
        assert load.loop_lag_max_ns == 3 * MS_NS
        assert load.loop_lag_median_ns == 3 * MS_NS
        assert load.memory_max_bytes == 50 * 2**20


def test_a_run_that_measured_nothing_has_a_summary_and_is_not_trusted() -> None:
    made = plan([("steady", "steady", 2.0)], rate_per_s=None)
    result = result_of(made, [], "closed", Facts())
    summary = summarise(result)
    assert summary.total.committed_count == 0
    assert summary.throughput.per_s == 0
    assert summary.throughput.low_per_s is None
    assert summary.distribution == ()
    assert summary.workers is None
    assert not summary.is_trusted
    assert "no transaction was committed" in summary.reasons[0]


def test_the_same_result_gives_the_same_summary(opened: Summary) -> None:
    def run() -> RunResult:
        return open_run(
            WARM_UP_AND_STEADY, lambda i, at_ns: Outcome(service_ns=MS_NS), rate_per_s=50
        )

    thresholds = [parse_threshold("p99 < 20ms")]
    assert summarise(run(), thresholds) == summarise(run(), thresholds)

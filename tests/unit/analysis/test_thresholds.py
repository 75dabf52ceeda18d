"""Which thresholds a run meets, and what is said of those that it cannot."""

from __future__ import annotations

import pytest

from stormdb._native import Recorder
from stormdb.analysis import summarise
from stormdb.analysis.summary import ThresholdOutcome
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

STEADY = [("steady", "steady", 20.0)]


def custom(recorder: Recorder) -> None:
    for second in range(20):
        recorder.count("cache_miss", 5, second * SECOND_NS)
        recorder.value("rows_per_batch", 12.0, second * SECOND_NS)


@pytest.fixture(scope="module")
def opened() -> RunResult:
    """100/s: transfers of 4 ms, each fifth a balance of 1 ms, each 100th a failure."""

    def outcome(index: int, at_ns: int) -> Outcome:
        if index % 100 == 99:
            return Outcome(service_ns=MS_NS, sqlstate="40001", retried=["40001"])
        if index % 5 == 0:
            return Outcome(service_ns=MS_NS, row="balance")
        return Outcome(service_ns=4 * MS_NS, parts=[("read", 2 * MS_NS)])

    return open_run(STEADY, outcome, rate_per_s=100, extra=custom)


@pytest.fixture(scope="module")
def closed() -> RunResult:
    """4 workers, 10 ms a transaction."""
    return closed_run(STEADY, lambda worker, at_ns: Outcome(service_ns=10 * MS_NS))


def outcome_of(result: RunResult, text: str) -> ThresholdOutcome:
    (outcome,) = summarise(result, [parse_threshold(text)]).thresholds
    return outcome


@pytest.mark.parametrize(
    ("text", "is_met", "value"),
    [
        ("p99 < 5ms", True, 4 * MS_NS),
        ("p99 < 4ms", False, 4 * MS_NS),
        ("p50 >= 3ms", True, 4 * MS_NS),
        ("min < 2ms", True, MS_NS),
        ("max <= 5ms", True, 4 * MS_NS),
        ("p12.5 < 2ms", True, MS_NS),
        ("response_time.p95 < 5ms", True, 4 * MS_NS),
        ("service_time.p50 < 2ms", False, 4 * MS_NS),
        ("schedule_lag.p99 < 1ms", True, 0),
        ("balance.p95 < 2ms", True, MS_NS),
        ("transfer.mean < 2ms", False, 4 * MS_NS),
        ("transfer.service_time.p50 < 5ms", True, 4 * MS_NS),
        ("read.p50 < 3ms", True, 2 * MS_NS),
    ],
)
def test_times(opened: RunResult, text: str, is_met: bool, value: int) -> None:
    outcome = outcome_of(opened, text)
    assert outcome.unit == "ns"
    assert outcome.value == pytest.approx(value, rel=1e-3)
    assert outcome.is_met is is_met


@pytest.mark.parametrize(
    ("text", "is_met", "value"),
    [
        ("throughput > 90/s", True, 99),
        ("throughput > 1k/s", False, 99),
        ("error_ratio < 0.1%", False, 0.01),
        ("error_ratio <= 1%", True, 0.01),
        ("retry_ratio < 5%", True, 0.01),
        ("dropped_ratio < 0.1%", True, 0),
        ("error_count < 100", True, 20),
        ("retry_count > 19", True, 20),
        ("dropped_count <= 0", True, 0),
        ("balance.count > 300", True, 400),
        ("balance.rate > 19/s", True, 20),
        ("rows_per_batch.mean > 10", True, 12),
        ("rows_per_batch.p99 > 13", False, 12),
        ("rows_per_batch.sum >= 240", True, 240),
        ("rows_per_batch.count >= 20", True, 20),
        ("rows_per_batch.rate > 2/s", False, 1),
        ("cache_miss.count < 100", False, 100),
        ("cache_miss.rate < 6/s", True, 5),
    ],
)
def test_numbers(opened: RunResult, text: str, is_met: bool, value: float) -> None:
    outcome = outcome_of(opened, text)
    assert outcome.value == pytest.approx(value, rel=4e-3)
    assert outcome.is_met is is_met
    assert outcome.text == text


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("transfr.p95 < 5ms", "the run measured no transfr: did you mean transfer?"),
        (
            "zebra.p95 < 5ms",
            (
                "the run measured no zebra: it measured balance, transfer, read, cache_miss, "
                "rows_per_batch"
            ),
        ),
        (
            "transfer.p95 < 5",
            "transfer is a transaction: write its limit as a time, such as 5ms",
        ),
        (
            "rows_per_batch.p95 < 5ms",
            "rows_per_batch is a custom metric: write its limit as a plain number",
        ),
        (
            "cache_miss.p95 < 5",
            "cache_miss is a counter and has no p95: use count or rate",
        ),
    ],
)
def test_what_was_not_measured_is_never_met_and_says_why(
    opened: RunResult, text: str, note: str
) -> None:
    assert outcome_of(opened, text) == ThresholdOutcome(
        text=text, is_met=False, value=None, unit=parse_threshold(text).unit, note=note
    )


def test_a_bare_quantile_is_of_the_service_time_in_closed_loop(closed: RunResult) -> None:
    outcome = outcome_of(closed, "p99 < 20ms")
    assert outcome.is_met
    assert outcome.value == pytest.approx(10 * MS_NS, rel=1e-3)


@pytest.mark.parametrize("time", ["response_time", "schedule_lag"])
def test_a_closed_loop_does_not_meet_a_limit_on_a_time_that_it_has_not(
    closed: RunResult, time: str
) -> None:
    outcome = outcome_of(closed, f"{time}.p99 < 20ms")
    assert not outcome.is_met
    assert outcome.value is None
    assert outcome.note == (
        f"a closed loop, or an operation, has no {time.replace('_', ' ')}: use service_time"
    )


def test_a_value_that_rests_on_few_samples_says_so(opened: RunResult) -> None:
    assert outcome_of(opened, "p99 < 5ms").note == ""
    assert outcome_of(opened, "p99.9 < 5ms").note == "rests on 2 of 1,980 samples"


@pytest.mark.parametrize(
    "text", ["p99 < 20ms", "p99 > 0ms", "error_ratio < 1%", "retry_ratio < 1%"]
)
def test_a_run_without_transactions_meets_no_time_and_no_ratio(text: str) -> None:
    made = plan(STEADY, rate_per_s=None)
    outcome = outcome_of(result_of(made, [], "closed", Facts()), text)
    assert not outcome.is_met
    assert outcome.value is None
    assert outcome.note in {"no transaction was committed", "no transaction finished"}


def test_a_run_whose_transactions_all_fail_meets_no_time() -> None:
    result = closed_run(
        STEADY, lambda worker, at_ns: Outcome(service_ns=100 * MS_NS, sqlstate="42P01")
    )
    assert outcome_of(result, "p99 < 20ms").note == "no transaction was committed"
    assert outcome_of(result, "error_ratio < 1%").value == 1


def test_a_summary_is_met_if_every_threshold_is(opened: RunResult) -> None:
    met, missed = parse_threshold("p99 < 5ms"), parse_threshold("p99 < 1ms")
    assert summarise(opened).is_met
    assert summarise(opened, [met]).is_met
    assert not summarise(opened, [met, missed]).is_met

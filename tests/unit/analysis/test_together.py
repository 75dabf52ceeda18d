"""All workloads of a run as one, on the clock of the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stormdb.analysis import summarise_run
from stormdb.analysis.together import RunSummary
from stormdb.config.thresholds import parse_threshold
from stormdb.results import RunResult
from tests.support.measured import MS_NS, SECOND_NS, Outcome, closed_run, open_run


def checkout() -> RunResult:
    """100/s of 1 ms for 10 s; of 4 ms from second 4 to 8."""

    def outcome(_: int, at_ns: int) -> Outcome:
        is_slow = 4 * SECOND_NS <= at_ns < 8 * SECOND_NS
        return Outcome(service_ns=(4 if is_slow else 1) * MS_NS)

    made = open_run([("steady", "steady", 10.0)], outcome, rate_per_s=100)
    return replace(made, name="checkout")


def report() -> RunResult:
    """A closed loop of four workers and 20 ms, from second 4 to 8."""
    made = closed_run([("steady", "steady", 4.0)], lambda *_: Outcome(service_ns=20 * MS_NS))
    return replace(made, name="report", start_after_ns=4 * SECOND_NS)


@pytest.fixture(name="run")
def _run() -> RunSummary:
    conditions = [parse_threshold(text) for text in ("throughput > 1/s", "p99 < 1ms")]
    return summarise_run([checkout(), report()], of_all=conditions)


def test_counts_add_up(run: RunSummary) -> None:
    whole = run.together
    parts = [one.total.committed_count for one in run.workloads]
    assert parts == [1000, 800]
    assert whole.total.committed_count == 1800
    assert whole.accounting.offered_count == 1800
    assert whole.accounting.holds


def test_rates_are_over_the_time_in_which_one_was_steady(run: RunSummary) -> None:
    assert run.together.steady_ns == 10 * SECOND_NS
    assert run.together.total.throughput_per_s == pytest.approx(180, rel=0.02)


def test_times_are_of_what_all_have(run: RunSummary) -> None:
    assert run.together.main_time == "service_time"
    assert run.together.total.service_time is not None
    assert run.together.total.service_time.count == 1800
    only_open = summarise_run([checkout()]).together
    assert only_open.main_time == "response_time"


def test_the_time_line_is_that_of_the_run(run: RunSummary) -> None:
    rates = [point.throughput_by_workload[1] for point in run.together.intervals]
    assert [second for second, rate in enumerate(rates) if rate > 1][:4] == [4, 5, 6, 7]
    assert rates[:4] == [0.0] * 4


def test_an_interval_in_two_seconds_counts_in_both(run: RunSummary) -> None:
    late = replace(report(), start_after_ns=4 * SECOND_NS + SECOND_NS // 4)
    shifted = summarise_run([checkout(), late]).together
    whole, early = (one.intervals[4].throughput_by_workload[1] for one in (run.together, shifted))
    assert early == pytest.approx(whole * 3 / 4)
    total = sum(p.throughput_by_workload[1] * p.length_ns / 1e9 for p in shifted.intervals)
    assert total == pytest.approx(800)


def test_each_is_compared_by_who_was_beside_it(run: RunSummary) -> None:
    company = {(one.workload, one.beside): one for one in run.together.company}
    # The report was never alone, so there is nothing to compare it with.
    assert list(company) == [("checkout", ()), ("checkout", ("report",))]
    alone, beside = company.values()
    assert (alone.length_ns, beside.length_ns) == (6 * SECOND_NS, 4 * SECOND_NS)
    assert alone.time is not None
    assert beside.time is not None
    assert alone.time.p50_ns == pytest.approx(MS_NS, rel=0.01)
    assert beside.time.p50_ns == pytest.approx(4 * MS_NS, rel=0.01)


def test_conditions_for_the_whole_are_decided_on_all(run: RunSummary) -> None:
    rate, time = run.together.thresholds
    assert rate.is_met
    assert not time.is_met
    assert time.value == pytest.approx(20 * MS_NS, rel=0.01)


def test_the_verdict_is_the_worst_of_the_parts(run: RunSummary) -> None:
    kinds = [one.verdict.kind for one in run.workloads if one.verdict]
    assert kinds == ["offered_rate", "server_bound"]
    assert run.together.verdict is not None
    assert run.together.verdict.kind == "server_bound"
    assert run.together.verdict.reason.startswith("report: ")


def test_one_that_never_began_costs_nothing() -> None:
    never = replace(report(), intervals=(), start_after_ns=60 * SECOND_NS)
    whole = summarise_run([checkout(), never]).together
    assert whole.total.committed_count == 1000
    assert len(whole.intervals) <= 12

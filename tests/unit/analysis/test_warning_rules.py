"""Each doubt is raised where there is a reason for it, and only there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from stormdb._native import Recorder
from stormdb.analysis import Severity, Summary, summarise
from stormdb.analysis import warning_rules as rules
from stormdb.analysis.summary import RunWarning
from stormdb.results import Finding, RunResult, Status
from tests.support.measured import MS_NS, SECOND_NS, Facts, Outcome, closed_run, open_run

WARM_UP = ("warm-up", "warm_up", 1.0)
MINUTE = [WARM_UP, ("steady", "steady", 60.0)]


def steady_service(*_: int) -> Outcome:
    return Outcome(service_ns=10 * MS_NS)


def good(facts: Facts | None = None) -> RunResult:
    """A minute of 200/s, open loop, on a server elsewhere, enough for p99.9."""
    return open_run(MINUTE, steady_service, rate_per_s=200, facts=facts)


def warnings_of(result: RunResult) -> dict[str, RunWarning]:
    return {warning.code: warning for warning in summarise(result).warnings}


def test_a_good_run_raises_no_doubt() -> None:
    assert warnings_of(good()) == {}


@pytest.mark.parametrize(
    ("facts", "code", "severity", "part"),
    [
        (Facts(cpu_ratio=0.93), "generator_busy", Severity.UNTRUSTED, "up to 93 % of a core"),
        (Facts(loop_lag_ns=60 * MS_NS), "generator_late", Severity.UNTRUSTED, "late by 60.0 ms"),
        (Facts(loop_lag_ns=12 * MS_NS), "generator_late", Severity.DOUBT, "late by 12.0 ms"),
        (
            Facts(status=Status.FAILED, problem="process 1 was killed", is_whole=False),
            "failed",
            Severity.UNTRUSTED,
            "the run broke off: process 1 was killed",
        ),
        (
            Facts(status=Status.FAILED, problem="verify() ended its process"),
            "failed_after",
            Severity.DOUBT,
            "the load went to its end, what came after it failed: verify() ended its process",
        ),
        (
            Facts(findings=[Finding(name="sum of balances", ok=False, detail="0 is not 5")]),
            "verify_failed",
            Severity.UNTRUSTED,
            "sum of balances (0 is not 5)",
        ),
        (Facts(status=Status.INTERRUPTED), "interrupted", Severity.DOUBT, "partial report"),
        (Facts(settings={"fsync": "off"}), "not_durable", Severity.DOUBT, "fsync is off"),
        (
            Facts(settings={"fsync": "off", "synchronous_commit": "off"}),
            "not_durable",
            Severity.DOUBT,
            "fsync and synchronous_commit are off",
        ),
        (Facts(settings={"debug_assertions": "on"}), "assertions", Severity.DOUBT, "assertions"),
        (Facts(warnings=["connection 3 was lost"]), "run", Severity.DOUBT, "connection 3 was lost"),
        (Facts(findings=None), "not_verified", Severity.NOTE, "not checked"),
        (Facts(embedded=True), "same_machine", Severity.NOTE, "its 8 cores"),
        (Facts(host="/var/run/postgresql"), "same_machine", Severity.NOTE, "share this machine"),
        (Facts(host="127.0.0.1"), "same_machine", Severity.NOTE, "share this machine"),
        (
            Facts(workers=4, connections=2),
            "few_connections",
            Severity.NOTE,
            "4 workers share 2 connections",
        ),
    ],
)
def test_one_fact_raises_one_warning(
    facts: Facts, code: str, severity: Severity, part: str
) -> None:
    found = warnings_of(good(facts))
    assert list(found) == [code]
    assert found[code].severity is severity
    assert part in found[code].text


@pytest.mark.parametrize(
    "facts", [Facts(cpu_ratio=0.79), Facts(loop_lag_ns=9 * MS_NS), Facts(host="localhost.example")]
)
def test_below_the_limit_nothing_is_said(facts: Facts) -> None:
    codes = set(warnings_of(good(facts)))
    assert not codes & {"generator_busy", "generator_late"}


def test_untrusted_comes_first_and_is_the_reason() -> None:
    summary = summarise(good(Facts(cpu_ratio=0.95, embedded=True, settings={"fsync": "off"})))
    assert [warning.severity for warning in summary.warnings] == [
        Severity.UNTRUSTED,
        Severity.DOUBT,
        Severity.NOTE,
    ]
    assert not summary.is_trusted
    assert len(summary.reasons) == 1


def test_a_short_run_without_warm_up_in_closed_loop_says_all_three() -> None:
    codes = warnings_of(closed_run([("steady", "steady", 12.0)], steady_service))
    assert {"short_run", "no_warm_up", "closed_loop", "few_samples"} == set(codes)
    assert codes["short_run"].text.startswith("12.0 s of steady load")
    assert codes["few_samples"].text.startswith("4,800 samples are too few for p99.9")


def test_drops_are_doubted_with_their_reason() -> None:
    result = open_run(
        MINUTE,
        lambda index, at_ns: Outcome(service_ns=50 * MS_NS),
        rate_per_s=200,
        max_queue=20,
    )
    codes = warnings_of(result)
    assert "of the arrivals were dropped (queue full " in codes["dropped"].text
    assert "rate_not_reached" not in codes


def test_a_queue_that_grows_is_a_rate_that_was_not_reached() -> None:
    result = open_run(MINUTE, lambda index, at_ns: Outcome(service_ns=50 * MS_NS), rate_per_s=200)
    codes = warnings_of(result)
    assert codes["rate_not_reached"].text.startswith("80.0/s finished of 200/s offered")
    assert "dropped" not in codes


def test_failures_above_one_percent_are_doubted() -> None:
    def failing(share: int) -> RunResult:
        return open_run(
            MINUTE,
            lambda index, at_ns: Outcome(
                service_ns=MS_NS, sqlstate="40001" if index % share == 0 else ""
            ),
            rate_per_s=200,
        )

    assert "failures" not in warnings_of(failing(200))
    assert warnings_of(failing(50))["failures"].text.startswith("2.0 % of the transactions failed")


def test_a_second_without_a_commit_is_a_stall() -> None:
    def outcome(index: int, at_ns: int) -> Outcome:
        stalled = 20 * SECOND_NS <= at_ns < 23 * SECOND_NS
        return Outcome(service_ns=23 * SECOND_NS - at_ns if stalled else MS_NS)

    codes = warnings_of(open_run(MINUTE, outcome, rate_per_s=200))
    assert codes["stalled"].text.startswith("3 of 60 steady intervals saw no commit")
    # The stall of a server is not the generator's fault, however large the lag.
    assert summarise(open_run(MINUTE, outcome, rate_per_s=200)).is_trusted


def slowing(ratio: float) -> Callable[[int, int], Outcome]:
    """Service time that rises by a ratio over the minute, with 5 % of noise."""
    rng = Random(1)

    def outcome(_: int, at_ns: int) -> Outcome:
        trend = 1 + ratio * at_ns / (61 * SECOND_NS)
        return Outcome(service_ns=round(10 * MS_NS * trend * rng.gauss(1, 0.05)))

    return outcome


def test_a_server_that_slows_down_is_not_steady() -> None:
    closed = warnings_of(closed_run(MINUTE, slowing(0.5)))
    assert closed["not_steady"].text.startswith("throughput fell by ")
    opened = warnings_of(open_run(MINUTE, slowing(0.5), rate_per_s=200))
    assert opened["not_steady"].text.startswith("mean response time rose by ")


def test_noise_and_a_small_trend_are_steady() -> None:
    assert "not_steady" not in warnings_of(closed_run(MINUTE, slowing(0.0)))
    assert "not_steady" not in warnings_of(closed_run(MINUTE, slowing(0.05)))


def test_a_wide_interval_is_doubted() -> None:
    rng = Random(2)

    def outcome(worker: int, at_ns: int) -> Outcome:
        slow = (at_ns // (5 * SECOND_NS)) % 2
        return Outcome(service_ns=round((40 if slow else 10) * MS_NS * rng.uniform(0.9, 1.1)))

    codes = warnings_of(closed_run(MINUTE, outcome))
    assert codes["wide_interval"].text.startswith("throughput is known to ±")


def test_uneven_workers_are_doubted() -> None:
    result = closed_run(
        MINUTE, lambda worker, at_ns: Outcome(service_ns=(30 if worker == 0 else 10) * MS_NS)
    )
    warning = warnings_of(result)["uneven_workers"]
    assert warning.text.startswith("workers did from 33.3/s to 100/s")
    assert "seldom awaits" in warning.remedy


def test_clamped_unfinished_and_missing_are_doubted() -> None:
    def odd(recorder: Recorder) -> None:
        row = recorder.row("transfer")
        recorder.offer(30 * SECOND_NS)
        recorder.commit(row, 0, 30 * SECOND_NS, 29 * SECOND_NS, 30 * SECOND_NS)
        recorder.offer(60 * SECOND_NS)
        recorder.unfinished(60 * SECOND_NS)

    result = open_run(MINUTE, steady_service, rate_per_s=200, extra=odd)
    gap = [s for s in result.intervals if s.interval_index != 40]
    codes = warnings_of(replace(result, intervals=gap))
    assert codes["clamped"].text.startswith("1 times were negative")
    assert codes["unfinished"].text.startswith("1 transactions were given up")
    assert codes["gaps"].text == "the measurements of 1 intervals are missing"


def test_a_late_generator_does_not_matter_where_the_server_is_far_slower() -> None:
    result = open_run(
        MINUTE,
        lambda index, at_ns: Outcome(service_ns=400 * MS_NS),
        rate_per_s=200,
        facts=Facts(workers=100, connections=100, loop_lag_ns=60 * MS_NS),
    )
    assert "generator_late" not in warnings_of(result)


def test_a_run_that_blocks_its_process_shows_the_generator_however_slow_it_looks() -> None:
    result = open_run(
        MINUTE,
        lambda index, at_ns: Outcome(service_ns=(600 if index % 4 else 900) * MS_NS),
        rate_per_s=6,
        facts=Facts(loop_lag_ns=290 * MS_NS),
    )
    warning = warnings_of(result)["generator_late"]
    assert warning.severity is Severity.UNTRUSTED
    assert "late by 290 ms in most intervals" in warning.text
    assert "waits without await" in warning.remedy


def test_a_generator_that_stood_still_once_may_have_made_the_largest_times() -> None:
    summary = summarise(good())
    (load,) = summary.generator_load
    paused = replace(summary, generator_load=(replace(load, loop_lag_max_ns=300 * MS_NS),))
    (warning,) = rules.warnings_of(paused)
    assert (warning.code, warning.severity) == ("generator_stopped", Severity.DOUBT)
    assert warning.text.startswith("the generator stood still for 300 ms")


def test_transactions_that_vanished_make_a_run_untrusted() -> None:
    result = open_run(
        MINUTE, steady_service, rate_per_s=200, extra=lambda r: r.offer(30 * SECOND_NS)
    )
    summary = summarise(result)
    assert not summary.accounting.holds
    assert [w.code for w in summary.warnings] == ["accounting"]
    assert not summary.is_trusted


def test_a_run_without_a_commit_says_that_and_nothing_about_its_numbers() -> None:
    result = open_run(
        [("steady", "steady", 5.0)],
        lambda index, at_ns: Outcome(service_ns=MS_NS, sqlstate="42P01"),
        rate_per_s=10,
        facts=Facts(cpu_ratio=0.99),
    )
    found = summarise(result).warnings
    assert [w.code for w in found] == ["nothing_measured"]
    assert found[0].text == "no transaction was committed in a steady phase: 50 failed"


def every_warning() -> list[RunWarning]:
    facts = Facts(
        cpu_ratio=0.99,
        loop_lag_ns=100 * MS_NS,
        embedded=True,
        workers=4,
        connections=2,
        settings={"fsync": "off"},
        status=Status.INTERRUPTED,
        findings=None,
        warnings=["x"],
    )
    result = open_run(
        [("steady", "steady", 20.0)],
        lambda index, at_ns: Outcome(service_ns=100 * MS_NS),
        rate_per_s=100,
        max_queue=5,
        facts=facts,
    )
    return list(summarise(result).warnings)


def test_every_text_is_one_sentence_in_the_style_of_the_house() -> None:
    found: list[Summary | RunWarning] = list(every_warning())
    assert len(found) > 8
    for warning in found:
        assert isinstance(warning, RunWarning)
        for text in (warning.text, warning.remedy):
            assert not text.endswith(".")
            assert "\n" not in text
            assert text[:1] == text[:1].lower()


def test_a_run_of_which_only_the_drain_is_left_has_no_numbers_to_judge() -> None:
    result = closed_run(
        [("steady", "steady", 1.0)], lambda worker, at_ns: Outcome(service_ns=2500 * MS_NS)
    )
    summary = summarise(replace(result, intervals=result.intervals[2:]))
    assert summary.total.committed_count == 4
    assert summary.steady_ns == 0
    assert [w.code for w in summary.warnings] == ["nothing_measured", "accounting"]

"""The exit code of a run that has a report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stormdb.analysis import summarise_run
from stormdb.config.thresholds import parse_threshold
from stormdb.errors import ExitCode
from stormdb.results import Finding, RunResult, Status
from stormdb.run.ending import Ending, ending_of
from tests.support.measured import MS_NS, Outcome, closed_run

MET, MISSED = "p99 < 1s", "p99 < 1us"
LONG = [("warm-up", "warm_up", 5.0), ("steady", "steady", 40.0)]


def good() -> RunResult:
    return closed_run(LONG, lambda *_: Outcome(service_ns=20 * MS_NS))


def judged(result: RunResult, *thresholds: str) -> Ending:
    conditions = [parse_threshold(text) for text in thresholds]
    return ending_of(summarise_run([result], {result.name: conditions}))


def test_a_good_run_has_met_everything() -> None:
    assert judged(good(), MET) == Ending(code=ExitCode.MET)


def test_a_missed_threshold_is_named() -> None:
    assert judged(good(), MET, MISSED) == Ending(
        code=ExitCode.THRESHOLD_MISSED, reasons=(f"threshold missed: {MISSED}",)
    )


def test_a_threshold_on_what_was_not_measured_says_why() -> None:
    (reason,) = judged(good(), "nosuch.count > 1").reasons
    assert reason.startswith("threshold missed: nosuch.count > 1: the run measured no nosuch")


def test_numbers_that_cannot_be_trusted_come_before_thresholds() -> None:
    failing = closed_run(LONG, lambda *_: Outcome(service_ns=20 * MS_NS, sqlstate="22012"))
    found = judged(failing, MISSED)
    assert found.code is ExitCode.UNTRUSTED
    assert found.reasons[0].startswith("the numbers cannot be trusted: no transaction")


def test_a_broken_invariant_comes_before_all_figures() -> None:
    findings = (
        Finding(name="sum of balances", ok=False, detail="3, 4 expected"),
        Finding(name="no negative balance", ok=True),
    )
    result = replace_result(good(), exit_code=ExitCode.WORKLOAD, findings=findings)
    assert judged(result, MISSED) == Ending(
        code=ExitCode.WORKLOAD,
        reasons=("verify: sum of balances does not hold: 3, 4 expected",),
    )


@pytest.mark.parametrize("code", [ExitCode.CONNECT, ExitCode.WORKLOAD, ExitCode.UNTRUSTED])
def test_a_problem_of_the_run_is_the_reason(code: ExitCode) -> None:
    result = replace_result(good(), exit_code=code, status=Status.FAILED, problem="one\ntwo")
    assert judged(result, MISSED) == Ending(code=code, reasons=("one", "two"))


def test_a_run_that_committed_nothing_says_so_beside_what_failed_after_it() -> None:
    failing = closed_run(LONG, lambda *_: Outcome(service_ns=20 * MS_NS, sqlstate="42501"))
    result = replace_result(
        failing, exit_code=ExitCode.WORKLOAD, status=Status.FAILED, problem="verify() raised"
    )
    found = judged(result, MISSED)
    assert found.code is ExitCode.WORKLOAD
    assert found.reasons[0].startswith("no transaction was committed in a steady phase: ")
    assert found.reasons[1:] == ("verify() raised",)


def test_an_interrupted_run_says_so_whatever_else_happened() -> None:
    result = replace_result(
        good(), exit_code=ExitCode.INTERRUPTED, status=Status.INTERRUPTED, problem="lost"
    )
    assert judged(result, MISSED) == Ending(
        code=ExitCode.INTERRUPTED,
        reasons=("interrupted: the report is about a part of the run",),
    )


def replace_result(result: RunResult, **changes: object) -> RunResult:
    return replace(result, **changes)  # type: ignore[arg-type]

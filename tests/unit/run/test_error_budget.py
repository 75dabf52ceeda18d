"""When too many failures end a run."""

from __future__ import annotations

from stormdb._native import IntervalSnapshot, Phase, Plan, Recorder
from stormdb.run.error_budget import ErrorBudget


def _snapshots(committed: int, failed: int, rolled_back: int = 0) -> list[IntervalSnapshot]:
    recorder = Recorder(Plan([Phase("steady", "steady", 10**9)]))
    row, part = recorder.row("work"), recorder.row("statement", "operation")
    for _ in range(committed):
        recorder.commit(row, 0, None, 0, 1)
    for _ in range(rolled_back):
        recorder.roll_back(row, 0, None, 0, 1)
    for _ in range(failed):
        recorder.fail(row, 0, None, 0, 1, "23505", "duplicate key")
        recorder.fail(part, 0, None, 0, 1, "23505", "duplicate key")
    return recorder.finish(10**9)


def test_more_failures_than_allowed_end_the_run() -> None:
    budget = ErrorBudget(0.2)
    budget.add(_snapshots(70, 20, rolled_back=10))
    assert budget.problem is None
    budget.add(_snapshots(10, 10))
    assert str(budget.problem) == (
        "max_error_ratio: 30 of 120 transactions have failed, 25.0%, so the run was ended early; "
        "hint: see the errors by SQLSTATE in the report, or raise max_error_ratio"
    )


def test_a_few_failures_at_the_start_do_not() -> None:
    budget = ErrorBudget(0.0)
    budget.add(_snapshots(0, 99))
    assert budget.problem is None
    budget.add(_snapshots(0, 1))
    assert budget.problem is not None


def test_without_a_limit_everything_may_fail() -> None:
    budget = ErrorBudget(None)
    budget.add(_snapshots(0, 1000))
    assert budget.problem is None

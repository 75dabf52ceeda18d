"""The exit code that a run earned; see docs/exit-codes.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.errors import ExitCode

if TYPE_CHECKING:
    from stormdb.analysis import Summary
    from stormdb.results import RunResult

__all__ = ["exit_code"]


def exit_code(result: RunResult, summary: Summary) -> ExitCode:
    """What ended the run comes first; a threshold counts only where the numbers can be trusted."""
    if result.exit_code is not ExitCode.MET:
        return result.exit_code
    if not summary.is_trusted:
        return ExitCode.UNTRUSTED
    if any(not threshold.is_met for threshold in summary.thresholds):
        return ExitCode.THRESHOLD_MISSED
    return ExitCode.MET

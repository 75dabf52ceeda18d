"""The exit code that a run earned, and why; see docs/exit-codes.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.errors import ExitCode

if TYPE_CHECKING:
    from stormdb.analysis import RunSummary, Summary
    from stormdb.analysis.summary import ThresholdOutcome
    from stormdb.results import RunResult

__all__ = ["Ending", "ending_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run that has a report ended.

    Attributes:
        code: the exit code.
        reasons: sentences that say why it is not 0.
    """

    code: ExitCode
    reasons: tuple[str, ...] = ()


def ending_of(run: RunSummary) -> Ending:
    """What ended the run comes first; a threshold counts only where the numbers can be trusted."""
    if any(result.exit_code is ExitCode.INTERRUPTED for result in run.results):
        return Ending(
            code=ExitCode.INTERRUPTED,
            reasons=("interrupted: the report is about a part of the run",),
        )
    pairs = list(zip(run.results, run.workloads, strict=True))
    if codes := [one.exit_code for one in run.results if one.exit_code is not ExitCode.MET]:
        # Numbers with holes are worse than what went wrong once all was measured.
        code = ExitCode.UNTRUSTED if ExitCode.UNTRUSTED in codes else codes[0]
        return Ending(code=code, reasons=_of_each(pairs, _what_ended))
    if doubts := _of_each(pairs, _why_untrusted):
        return Ending(code=ExitCode.UNTRUSTED, reasons=doubts)
    missed = _of_each(pairs, lambda _, summary: _missed(summary.thresholds))
    missed += tuple(f"together: {reason}" for reason in _missed(run.together.thresholds))
    return Ending(code=ExitCode.THRESHOLD_MISSED if missed else ExitCode.MET, reasons=missed)


_Reasons = Callable[["RunResult", "Summary"], Sequence[str]]


def _of_each(pairs: Sequence[tuple[RunResult, Summary]], reasons: _Reasons) -> tuple[str, ...]:
    """The reasons of each workload, with its name where there are several."""
    return tuple(
        f"{result.name}: {reason}" if len(pairs) > 1 else reason
        for result, summary in pairs
        for reason in reasons(result, summary)
    )


def _what_ended(result: RunResult, summary: Summary) -> Sequence[str]:
    if result.exit_code is ExitCode.MET:
        return ()
    broken = tuple(
        f"verify: {finding.name} does not hold: {finding.detail}"
        for finding in result.findings or ()
        if not finding.ok
    )
    # What broke the load often breaks what comes after it, and is then the better reason.
    nothing = tuple(w.text for w in summary.warnings if w.code == "nothing_measured")
    return (*nothing, *result.problem.splitlines(), *broken)


def _why_untrusted(_: RunResult, summary: Summary) -> Sequence[str]:
    return [f"the numbers cannot be trusted: {reason}" for reason in summary.reasons]


def _missed(thresholds: Sequence[ThresholdOutcome]) -> tuple[str, ...]:
    return tuple(
        f"threshold missed: {threshold.text}"
        + ("" if threshold.value is not None else f": {threshold.note}")
        for threshold in thresholds
        if not threshold.is_met
    )

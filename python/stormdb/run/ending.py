"""The exit code that a run earned, and why; see docs/exit-codes.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.errors import ExitCode

if TYPE_CHECKING:
    from stormdb.analysis import Summary
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


def ending_of(result: RunResult, summary: Summary) -> Ending:
    """What ended the run comes first; a threshold counts only where the numbers can be trusted."""
    if result.exit_code is ExitCode.INTERRUPTED:
        return Ending(
            code=result.exit_code, reasons=("interrupted: the report is about a part of the run",)
        )
    if result.exit_code is not ExitCode.MET:
        broken = tuple(
            f"verify: {finding.name} does not hold: {finding.detail}"
            for finding in result.findings or ()
            if not finding.ok
        )
        # What broke the load often breaks what comes after it, and is then the better reason.
        nothing = tuple(w.text for w in summary.warnings if w.code == "nothing_measured")
        return Ending(
            code=result.exit_code, reasons=(*nothing, *result.problem.splitlines(), *broken)
        )
    if not summary.is_trusted:
        reasons = (f"the numbers cannot be trusted: {reason}" for reason in summary.reasons)
        return Ending(code=ExitCode.UNTRUSTED, reasons=tuple(reasons))
    missed = tuple(
        f"threshold missed: {threshold.text}"
        + ("" if threshold.value is not None else f": {threshold.note}")
        for threshold in summary.thresholds
        if not threshold.is_met
    )
    return Ending(code=ExitCode.THRESHOLD_MISSED if missed else ExitCode.MET, reasons=missed)

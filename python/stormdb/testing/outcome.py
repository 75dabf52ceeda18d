"""How the test of a promise ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stormdb.errors import WorkloadError

__all__ = ["BrokenPromiseError", "NotTriedError", "Outcome", "Verdict"]


class BrokenPromiseError(WorkloadError):
    """The plugin does not keep a promise; the hint says what to mend."""


class NotTriedError(Exception):
    """A promise that cannot be tested, or that a declaration waives; the message says why."""


class Verdict(StrEnum):
    """What came of a promise."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_TRIED = "not tried"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one promise.

    Attributes:
        name: of the promise, a word for programs.
        promise: the sentence.
        verdict: whether it is kept; blocked: it was not tried because something else is broken.
        detail: what was seen, or why it was not tried.
        problem: what is broken, where, and how to mend it.
        blocked_by: the broken promises that were found before it, if it is blocked.
        duration_ns: how long it took.
    """

    name: str
    promise: str
    verdict: Verdict
    detail: str = ""
    problem: WorkloadError | None = None
    blocked_by: tuple[str, ...] = ()
    duration_ns: int = 0

"""`ErrorBudget`: a run most of whose transactions fail is ended early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stormdb.errors import RunError

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot

__all__ = ["ErrorBudget"]

_LEAST_FINISHED_COUNT = 100
"""A few failures at the start say nothing yet."""


class ErrorBudget:
    """Counts what has failed, and says when it is too much.

    Args:
        max_ratio: the part of the finished transactions that may fail; None for all.
    """

    def __init__(self, max_ratio: float | None) -> None:
        self._max_ratio = max_ratio
        self._failed_count = 0
        self._finished_count = 0

    def add(self, snapshots: Sequence[IntervalSnapshot]) -> None:
        """Count the transactions that ended in some intervals; retries are none."""
        if self._max_ratio is None:
            return
        for snapshot in snapshots:
            for cell in snapshot.row_totals():
                if cell.kind == "transaction":
                    failed_count = sum(cell.failed.values())
                    self._failed_count += failed_count
                    self._finished_count += failed_count + cell.committed + cell.rolled_back

    @property
    def problem(self) -> RunError | None:
        """Why the run makes no sense any more; None if it still does."""
        if self._max_ratio is None or self._finished_count < _LEAST_FINISHED_COUNT:
            return None
        ratio = self._failed_count / self._finished_count
        if ratio <= self._max_ratio:
            return None
        return RunError(
            f"{self._failed_count} of {self._finished_count} transactions have failed, "
            f"{ratio:.1%}, so the run was ended early",
            where="max_error_ratio",
            hint="see the errors by SQLSTATE in the report, or raise max_error_ratio",
        )

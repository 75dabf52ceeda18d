"""How a `run` coroutine tells what it did."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

__all__ = ["Metrics"]


class Metrics(Protocol):
    """Recorder handed to `run`. Every method is cheap, and none waits.

    Where a call of `run` records operations, those are the transactions of the report; else the
    call is one. In open loop each call is one arrival: its response time counts from the intended
    start, and where it records more than one operation these are listed as its parts.
    """

    def record_operation(self, seconds: float, *, name: str = "") -> None:
        """Record one operation that was done.

        Args:
            seconds: how long it took, >= 0; it ends now.
            name: row of the report; "" for the workload type.
        """

    def record_error(self, error: BaseException | None = None, *, name: str = "") -> None:
        """Record one operation that failed.

        An exception that `run` then lets out is the same failure, and is not counted again.

        Args:
            error: the cause; a PostgreSQL error is counted by its SQLSTATE.
            name: row of the report; "" for the workload type.
        """

    def operation(self, name: str = "") -> AbstractAsyncContextManager[None]:
        """Time an `async with` block as one operation; an exception in it is its failure.

        Args:
            name: row of the report; "" for the workload type.
        """

    def record(self, name: str, value: float) -> None:
        """Add a sample to a custom metric: the report shows count, mean and percentiles.

        Args:
            name: the metric, such as `rows_per_batch`.
            value: any finite number.
        """

    def count(self, name: str, n: int = 1) -> None:
        """Add to a custom counter: the report shows its total and its rate.

        Args:
            name: the counter, such as `cache_miss`.
            n: how much to add, >= 0.
        """

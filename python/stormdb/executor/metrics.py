"""What the calls of one worker did, as the recorder counts it: the `metrics` of `run`.

docs/concepts/transaction.md says what a transaction is; here is the bookkeeping for it. Times are
nanoseconds after the start of the run.
"""

from __future__ import annotations

import asyncio
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from stormdb.executor.outcome import UNSTATED, message_of, sqlstate_of

if TYPE_CHECKING:
    from stormdb._native import CallRecord, Recorder
    from stormdb.executor.pool import WorkerPool

__all__ = ["CallMetrics", "ClosedMetrics", "OpenMetrics"]

_clock_ns = time.monotonic_ns
_CLOCK_TOLERANCE_NS = 10_000_000


class _Operation(NamedTuple):
    """One thing that a call did; `sqlstate` is "" if it went well."""

    name: str
    start_ns: int
    finish_ns: int
    sqlstate: str
    message: str


class CallMetrics(ABC):
    """Recorder of one worker; implements `stormdb.plugin.Metrics`.

    For each call the worker says `call.begin`, then `retried` for each try that will be repeated,
    and at last one of `call.commit` (`succeeded` if that says that more was recorded), `failed` and
    `given_up`.

    Args:
        recorder: of the process.
        call: the worker's.
        worker: number of the worker in the run.
        workload: name of the row for what has no name.
        db: the worker's pool.
        start_ns: start of the run on the monotonic clock.
        roots: the plugin's files and folders.

    Attributes:
        call: the worker's.
        start_ns: start of the run on the monotonic clock.
    """

    def __init__(  # noqa: PLR0913
        self,
        recorder: Recorder,
        call: CallRecord,
        *,
        worker: int,
        workload: str,
        db: WorkerPool,
        start_ns: int,
        roots: Sequence[str],
    ) -> None:
        self.call = call
        self.start_ns = start_ns
        self._recorder = recorder
        self._worker = worker
        self._workload = workload
        self._default_row = recorder.row(workload)
        self._rows = {"": self._default_row}
        self._db = db
        self._roots = roots
        self._later_mark_ns = 0
        self._tried_ns: int | None = None

    def record_operation(self, seconds: float, *, name: str = "") -> None:
        """Record one operation that was done; see `stormdb.plugin.Metrics`."""
        finish_ns = _clock_ns() - self.start_ns
        start_ns = finish_ns - int(seconds * 1e9)
        if not self.call.begin_ns <= start_ns <= finish_ns:
            self._check(seconds, start_ns, finish_ns)
            start_ns = self.call.begin_ns
        self.record_success(name, start_ns, finish_ns)

    def record_success(self, name: str, start_ns: int, finish_ns: int) -> None:
        """Record one operation that was done, with its times."""
        self.call.has_succeeded = True
        self.call.is_plain = False
        self._done(name, self._served_from(start_ns), finish_ns)
        self._later_mark_ns = finish_ns

    def record_error(self, error: BaseException | None = None, *, name: str = "") -> None:
        """Record one operation that failed; see `stormdb.plugin.Metrics`."""
        finish_ns = _clock_ns() - self.start_ns
        self.record_failure(name, self._mark_ns, finish_ns, error or sys.exception())

    def record_failure(
        self, name: str, start_ns: int, finish_ns: int, error: BaseException | None
    ) -> None:
        """Record one operation that failed, with its times."""
        if isinstance(error, asyncio.CancelledError):
            return  # the run is over, and the call will be counted as unfinished
        sqlstate, message = UNSTATED, ""
        if error is not None:
            sqlstate, message = sqlstate_of(error), message_of(error, self._roots)
        self.call.is_plain = False
        start_ns = self._served_from(start_ns)
        self._keep(_Operation(name, start_ns, finish_ns, sqlstate, message))
        self._later_mark_ns = finish_ns

    def operation(self, name: str = "") -> _TimedOperation:
        """Time an `async with` block as one operation; see `stormdb.plugin.Metrics`."""
        return _TimedOperation(self, name)

    def record(self, name: str, value: float) -> None:
        """Add a sample to a custom metric; see `stormdb.plugin.Metrics`."""
        self._recorder.value(name, float(value), _clock_ns() - self.start_ns)

    def count(self, name: str, n: int = 1) -> None:
        """Add to a custom counter; see `stormdb.plugin.Metrics`."""
        self._recorder.count(name, n, _clock_ns() - self.start_ns)

    def retried(self, sqlstate: str) -> None:
        """A try failed and is going to be repeated: its failure is no outcome.

        The time of the transaction spans all its tries.
        """
        self.call.is_plain = False
        tried_ns = self._repeat(sqlstate, _clock_ns() - self.start_ns)
        if self._tried_ns is None:
            self._tried_ns = tried_ns

    @abstractmethod
    def succeeded(self, now_ns: int) -> None:
        """The call returned at this reading of the monotonic clock, and was not a plain one."""

    @abstractmethod
    def failed(self, error: BaseException, sqlstate: str) -> None:
        """The call raised."""

    @abstractmethod
    def given_up(self) -> None:
        """The call was cancelled because the run is over."""

    @abstractmethod
    def _done(self, name: str, start_ns: int, finish_ns: int) -> None:
        """An operation went well."""

    @abstractmethod
    def _keep(self, operation: _Operation) -> None:
        """An operation failed: hold it back until it is known whether the call raises too."""

    @abstractmethod
    def _repeat(self, sqlstate: str, at_ns: int) -> int:
        """Count a retry and forget the failure of this try; returns when that had begun."""

    def _row(self, name: str) -> int:
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = self._recorder.row(name)
        return row

    @property
    def _mark_ns(self) -> int:
        """End of the last operation of this call, or its begin."""
        return max(self._later_mark_ns, self.call.begin_ns)

    @property
    def _served_ns(self) -> int:
        """When the call can first have reached the server."""
        return max(self.call.begin_ns, self.call.first_granted_ns)

    def _served_from(self, start_ns: int) -> int:
        """When what began at a time can first have reached the server.

        Later if it had to wait for its first connection: a full pool is not the server's time.
        """
        self._db.is_untouched = True
        return max(start_ns, self.call.granted_ns)

    def _since_first_try(self, start_ns: int) -> int:
        """The start of a transaction, given that of its last try."""
        tried_ns, self._tried_ns = self._tried_ns, None
        return start_ns if tried_ns is None else tried_ns

    def _check(self, seconds: float, start_ns: int, finish_ns: int) -> None:
        """Refuse a duration that cannot be; clocks of a plugin may differ by a little."""
        if start_ns > finish_ns:
            raise ValueError(f"an operation cannot have lasted {seconds} s")
        if start_ns < self.call.begin_ns - _CLOCK_TOLERANCE_NS:
            age_s = (finish_ns - self.call.begin_ns) / 1e9
            raise ValueError(
                f"an operation of {seconds:g} s does not fit into a call that began {age_s:.6f} s "
                "ago: record_operation takes seconds"
            )


class ClosedMetrics(CallMetrics):
    """Closed loop: each operation is a transaction; a call that records none is one itself.

    A recorded error is held back until the next thing happens: if it is that the call raises, both
    are the same failure, or none if the call is tried again.
    """

    _held: _Operation | None = None
    _has_recorded = False

    def succeeded(self, now_ns: int) -> None:
        """The call returned."""
        if self._held is not None:
            self._flush()
        elif not self._has_recorded:
            self.call.has_succeeded = True
            start_ns = self._served_from(self.call.begin_ns)
            self._commit(self._default_row, start_ns, now_ns - self.start_ns)
        self._end()

    def failed(self, error: BaseException, sqlstate: str) -> None:
        """The call raised."""
        held, self._held = self._held, None
        if held is None:
            finish_ns = _clock_ns() - self.start_ns
            start_ns = self._served_from(self._mark_ns)
            message = message_of(error, self._roots)
            held = _Operation("", start_ns, finish_ns, sqlstate, message)
        elif held.sqlstate == UNSTATED:
            held = held._replace(sqlstate=sqlstate, message=message_of(error, self._roots))
        self._fail(held)
        self._end()

    def given_up(self) -> None:
        """The call was cancelled because the run is over."""
        if self._held is not None:
            self._flush()
        self._recorder.offer(self._mark_ns)
        self._recorder.unfinished(self._mark_ns)
        self._end()

    def _done(self, name: str, start_ns: int, finish_ns: int) -> None:
        if self._held is not None:
            self._flush()
        self._has_recorded = True
        self._commit(self._row(name), start_ns, finish_ns)

    def _keep(self, operation: _Operation) -> None:
        if self._held is not None:
            self._flush()
        self._held = operation

    def _repeat(self, sqlstate: str, at_ns: int) -> int:
        held, self._held = self._held, None
        name, start_ns = (held.name, held.start_ns) if held else ("", self._mark_ns)
        start_ns = self._served_from(start_ns) if self._tried_ns is None else self._tried_ns
        self._recorder.retry(self._row(name), start_ns, at_ns, sqlstate)
        return start_ns

    def _end(self) -> None:
        self.call.is_active = self._has_recorded = False

    def _flush(self) -> None:
        assert self._held is not None
        held, self._held = self._held, None
        self._has_recorded = True
        self._fail(held)

    def _commit(self, row: int, start_ns: int, finish_ns: int) -> None:
        if self._tried_ns is not None:
            start_ns = self._since_first_try(start_ns)
        self._recorder.offer(start_ns)
        self._recorder.commit(row, self._worker, None, start_ns, finish_ns)

    def _fail(self, operation: _Operation) -> None:
        name, start_ns, finish_ns, sqlstate, message = operation
        start_ns = self._since_first_try(start_ns)
        self._recorder.offer(start_ns)
        self._recorder.fail(
            self._row(name), self._worker, None, start_ns, finish_ns, sqlstate, message
        )


class OpenMetrics(CallMetrics):
    """Open loop: each call is one transaction, whatever it records.

    It bears the name of its only operation; several operations are listed as its parts. The last
    operation is held back until the next thing happens.
    """

    _last: _Operation | None = None
    _is_only = True

    def succeeded(self, now_ns: int) -> None:
        """The call returned: it went well unless the last thing that it recorded was an error."""
        last = self._last
        if last is not None and self._is_only:
            self._settle(last)
            return
        start_ns = self._served_from(self._served_ns)
        sqlstate, message = (last.sqlstate, last.message) if last else ("", "")
        self._record_last()
        self._settle(_Operation("", start_ns, now_ns - self.start_ns, sqlstate, message))

    def failed(self, error: BaseException, sqlstate: str) -> None:
        """The call raised."""
        finish_ns = _clock_ns() - self.start_ns
        name, start_ns = "", self._served_from(self._served_ns)
        if self._last is not None and self._is_only:
            name, start_ns = self._last.name, self._last.start_ns
        self._record_last()
        message = message_of(error, self._roots)
        self._settle(_Operation(name, start_ns, finish_ns, sqlstate, message))

    def given_up(self) -> None:
        """The call was cancelled because the run is over."""
        self._record_last()
        self._recorder.unfinished(self._due_ns())
        self._end()

    def _done(self, name: str, start_ns: int, finish_ns: int) -> None:
        self._keep(_Operation(name, start_ns, finish_ns, "", ""))

    def _keep(self, operation: _Operation) -> None:
        if self._last is not None:
            self._is_only = False
            self._record_part(self._last)
        self._last = operation

    def _repeat(self, sqlstate: str, at_ns: int) -> int:
        name, start_ns = "", self._served_from(self._served_ns)
        if self._last is not None and self._is_only:
            name, start_ns = self._last.name, self._last.start_ns
        self._recorder.retry(self._row(name), self._due_ns(), at_ns, sqlstate)
        self._end()
        return start_ns

    def _due_ns(self) -> int:
        intended_ns = self.call.intended_ns
        assert intended_ns is not None
        return intended_ns

    def _end(self) -> None:
        self.call.is_active = False
        self._last = None
        self._is_only = True

    def _record_last(self) -> None:
        if self._last is not None and not self._is_only:
            self._record_part(self._last)

    def _record_part(self, part: _Operation) -> None:
        name, start_ns, finish_ns, sqlstate, message = part
        row = self._recorder.row(name or self._workload, "operation")
        if sqlstate:
            self._recorder.fail(row, self._worker, None, start_ns, finish_ns, sqlstate, message)
        else:
            self._recorder.commit(row, self._worker, None, start_ns, finish_ns)

    def _settle(self, whole: _Operation) -> None:
        name, start_ns, finish_ns, sqlstate, message = whole
        start_ns = self._since_first_try(start_ns)
        row, intended_ns = self._row(name), self._due_ns()
        if sqlstate:
            self._recorder.fail(
                row, self._worker, intended_ns, start_ns, finish_ns, sqlstate, message
            )
        else:
            self.call.has_succeeded = True
            self._recorder.commit(row, self._worker, intended_ns, start_ns, finish_ns)
        self._end()


class _TimedOperation:
    """An `async with` block that is one operation."""

    __slots__ = ("_begin_ns", "_metrics", "_name")

    def __init__(self, metrics: CallMetrics, name: str) -> None:
        self._metrics = metrics
        self._name = name

    async def __aenter__(self) -> None:
        self._begin_ns = _clock_ns() - self._metrics.start_ns

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        metrics = self._metrics
        finish_ns = _clock_ns() - metrics.start_ns
        if error is None:
            metrics.record_success(self._name, self._begin_ns, finish_ns)
        else:
            metrics.record_failure(self._name, self._begin_ns, finish_ns, error)

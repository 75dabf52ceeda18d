"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.

A third one ends this process on the spot. Nothing is left behind even then: worker processes, the
host and an embedded server end when the pipe to this process closes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from stormdb.errors import ExitCode, InterruptedRunError

__all__ = ["Interrupts"]

_T = TypeVar("_T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Turns signals into requests while an `async with` block runs.

    Args:
        announce: told once, at the first signal, what happens and how to end at once.
        leave: called before this process ends on the spot.
        heeds_signals: False: only `request` asks; a process has one handler of a signal.
    """

    def __init__(
        self,
        announce: Callable[[str], None],
        leave: Callable[[], None],
        *,
        heeds_signals: bool = True,
    ) -> None:
        self._announce = announce
        self._leave = leave
        self._signals = _SIGNALS if heeds_signals else ()
        self._before: dict[signal.Signals, Any] = {}
        self._requested = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in self._signals:
            self._before[number] = signal.getsignal(number)
            loop.add_signal_handler(number, self._on_signal, number.name)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.remove_signal_handler(number)
            signal.signal(number, self._before[number])
        if isinstance(error, asyncio.CancelledError) and self._is_cancelled:
            raise InterruptedRunError("interrupted twice: ended at once, without a report")

    @property
    def is_requested(self) -> bool:
        """Whether the run was asked to end."""
        return self._requested.is_set()

    def request(self) -> None:
        """Ask the run to end in order, as the first signal does."""
        self._requested.set()

    async def wait(self) -> None:
        """Wait for the first signal."""
        await self._requested.wait()

    async def guard(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do some work that the first signal cancels.

        Raises:
            InterruptedRunError: it was cancelled.
        """
        task = asyncio.ensure_future(work)
        if self.is_requested:
            task.cancel()
        request = asyncio.ensure_future(self._requested.wait())
        try:
            await asyncio.wait({task, request}, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not task.cancelled():
                return task.result()
            raise InterruptedRunError("interrupted before there was anything to report")
        finally:
            request.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _on_signal(self, name: str) -> None:
        if not self.is_requested:
            self._requested.set()
            self._announce(f"{name}: ending in order; once more ends at once")
        elif self._task is not None and not self._is_cancelled:
            self._is_cancelled = True
            self._task.cancel()
        else:
            self._leave()
            os._exit(ExitCode.INTERRUPTED)

"""`Alarm`: waking up at a time, with the kernel's precision where it can be had."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from stormdb import _native

if TYPE_CHECKING:
    from stormdb._native import Timer

__all__ = ["Alarm", "wake"]


def wake(waiting: asyncio.Future[None]) -> None:
    """Let who waits for a future go on, unless it does already."""
    if not waiting.done():
        waiting.set_result(None)


class Alarm:
    """Calls functions at readings of the monotonic clock, never early.

    Event loops wake up on whole milliseconds, which is longer than many a transaction; a timer of
    the kernel costs one descriptor for all that wait.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._armed_ns: int | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._timer: Timer | None
        try:
            self._timer = _native.Timer()
        except NotImplementedError:
            self._timer = None
        else:
            loop.add_reader(self._timer.fileno(), self._ring)

    def call_at(self, at_ns: int, callback: Callable[[], None]) -> None:
        """Call a function once this time has come."""
        heapq.heappush(self._due, (at_ns, next(self._order), callback))
        self._arm()

    def close(self) -> None:
        """Forget everything that is still due."""
        self._due.clear()
        if self._timer is not None:
            self._loop.remove_reader(self._timer.fileno())
            self._timer.close()
        if self._handle is not None:
            self._handle.cancel()

    def _arm(self) -> None:
        at_ns = self._due[0][0]
        if self._armed_ns is not None and self._armed_ns <= at_ns:
            return
        self._armed_ns = at_ns
        if self._timer is not None:
            self._timer.arm(at_ns)
            return
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(max(0, at_ns - time.monotonic_ns()) / 1e9, self._ring)

    def _ring(self) -> None:
        if self._timer is not None:
            self._timer.clear()
        self._armed_ns = None
        now_ns = time.monotonic_ns()
        while self._due and self._due[0][0] <= now_ns:
            heapq.heappop(self._due)[2]()
        if self._due:
            self._arm()

"""The child's heart beat, its limits, and its last words."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from stormdb.plugins import places

if TYPE_CHECKING:
    from stormdb.plugins.child import Child

__all__ = ["PERIOD_S", "Pulse", "lift_memory_limit", "limit_memory"]

PERIOD_S = 0.25
_GRACE_S = 2.0
_SPARE_BYTES = 64 * 2**20


def limit_memory(memory_bytes: int) -> None:
    """Bound the memory of this process.

    RLIMIT_DATA counts what may be written to (heap and private mappings) and so leaves large
    reservations of address space alone, which RLIMIT_AS would count: numerical libraries and
    thread stacks make many of them. Where a system does not enforce it, and for shared mappings,
    the controller reads the heart beat's `peak_bytes`.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = memory_bytes + _SPARE_BYTES
    hard = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (min(memory_bytes, hard), hard))


def lift_memory_limit() -> None:
    """Make room for the telling of a `MemoryError`."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Pulse:
    """A thread that tells the controller whether the event loop is alive, and if not, where it is.

    It also ends the process when the controller is gone while plugin code blocks the event loop.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        self._asked_ns = 0
        """When the event loop was asked for a sign of life that it did not give yet; else 0."""
        self._main = threading.main_thread().ident
        self._pid = os.getpid()
        self._is_over = threading.Event()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start to beat, and tell where `os._exit` is called."""
        self._loop = loop
        self._exit = os._exit
        os._exit = self._tell_exit
        threading.Thread(target=self._run, name="stormdb-pulse", daemon=True).start()

    def _tell_exit(self, status: int) -> NoReturn:
        if os.getpid() == self._pid:
            place = places.of_frame(sys._getframe(1), self._child.roots)  # noqa: SLF001
            self._child.event("exit", place=place)
        self._exit(status)

    def stop(self) -> None:
        """The process is about to end: what holds it up has two seconds."""
        self._is_over.set()

    def _tick(self) -> None:
        self._asked_ns = 0

    def _ask(self) -> None:
        if not self._asked_ns:
            self._asked_ns = time.monotonic_ns()
            self._loop.call_soon_threadsafe(self._tick)

    def _run(self) -> None:
        try:
            self._ask()
            while not self._is_over.wait(PERIOD_S):
                self._child.channel.send({"beat": self._beat()})
                self._ask()
            time.sleep(_GRACE_S)
        except (OSError, RuntimeError):
            pass  # The controller or the event loop is gone: nothing can be told any more.
        self._exit(1)

    def _beat(self) -> dict[str, Any]:
        asked_ns = self._asked_ns
        roots = self._child.roots
        place = None
        if asked_ns and self._main:
            frame = sys._current_frames().get(self._main)  # noqa: SLF001
            place = places.of_frame(frame, roots)
        else:
            for task in self._child.running()[:1]:
                place = places.of_coroutine(task.get_coro(), roots)
        return {
            "blocked_ns": time.monotonic_ns() - asked_ns if asked_ns else 0,
            "place": place,
            "peak_bytes": _peak_bytes(),
        }

"""Whether the event loop of a worker process keeps up, and what the process costs."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path

__all__ = ["Gauges", "Heart"]

_BEAT_S = 0.01
_LATE_NS = 30_000_000
_STATM = Path("/proc/self/statm")
_SCHEDSTAT = Path("/proc/self/schedstat")


class Heart:
    """Beats a hundred times a second; how late it beats is the lag of the event loop.

    Attributes:
        late_at_ns: when the event loop has had no turn for longer than a few beats, on the
            monotonic clock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._worst_ns = 0
        self._beat_ns = time.monotonic_ns()
        self.late_at_ns = self._beat_ns + _LATE_NS
        self._handle = loop.call_later(_BEAT_S, self._beat)

    def take_lag_ns(self) -> int:
        """Worst lateness since the last call."""
        late_ns = time.monotonic_ns() - self._beat_ns - int(_BEAT_S * 1e9)
        worst_ns, self._worst_ns = max(self._worst_ns, late_ns, 0), 0
        return worst_ns

    def stop(self) -> None:
        """Beat no more."""
        self._handle.cancel()

    def _beat(self) -> None:
        now_ns = time.monotonic_ns()
        self._worst_ns = max(self._worst_ns, now_ns - self._beat_ns - int(_BEAT_S * 1e9))
        self._beat_ns = now_ns
        self.late_at_ns = now_ns + _LATE_NS
        self._handle = self._loop.call_later(_BEAT_S, self._beat)


class Gauges:
    """CPU time and memory of this process."""

    def __init__(self) -> None:
        self._busy_ns = _busy_ns()

    def take_busy_ns(self) -> int:
        """CPU time since the last call, and time that the event loop waited for a CPU.

        On a machine with too few cores a process can be the bottleneck without using one of them
        whole: what it was kept waiting counts as work that it could not do.
        """
        busy_ns = _busy_ns()
        used_ns, self._busy_ns = busy_ns - self._busy_ns, busy_ns
        return used_ns

    @staticmethod
    def rss_bytes() -> int:
        """Memory in use now; where the system does not tell, the highest so far."""
        try:
            return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024


def _busy_ns() -> int:
    """CPU time of the process, and what its main thread has waited for a CPU (Linux tells)."""
    try:
        waited_ns = int(_SCHEDSTAT.read_bytes().split()[1])
    except OSError:
        waited_ns = 0
    return time.process_time_ns() + waited_ns

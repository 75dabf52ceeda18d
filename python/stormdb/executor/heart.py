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
        self._cpu_ns = time.process_time_ns()

    def take_cpu_ns(self) -> int:
        """CPU time, user and system, since the last call."""
        cpu_ns = time.process_time_ns()
        used_ns, self._cpu_ns = cpu_ns - self._cpu_ns, cpu_ns
        return used_ns

    @staticmethod
    def rss_bytes() -> int:
        """Memory in use now; where the system does not tell, the highest so far."""
        try:
            return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024

"""CPU time of the whole machine, where the system tells it."""

from __future__ import annotations

import os
from pathlib import Path

_STAT = Path("/proc/stat")


def busy_cpu_s() -> float:
    """Seconds that all CPUs together have worked since the start; NaN where nobody counts them."""
    if not _STAT.exists():
        return float("nan")
    # user nice system idle iowait irq softirq; what a hypervisor took away is not work of ours.
    ticks = [int(word) for word in _STAT.read_text().split(maxsplit=8)[1:8]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")

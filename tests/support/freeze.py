"""Stops every process of a server for a while, as `kill -STOP` does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


def _with_children(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return [pid, *map(int, listed.stdout.split())]


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Freeze a process and its children; they go on when the block is left."""
    pids = _with_children(pid)
    for one in pids:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in reversed(pids):
            os.kill(one, signal.SIGCONT)

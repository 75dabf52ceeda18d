"""The parent of a process with plugin code: ends with it what that has started (Linux).

The child forks before it does anything else. What was the child becomes the *keeper*, and what it
forked is the host. The keeper adopts what the plugin's processes leave behind, also what has left
the process group, watches their number and the temporary folder, and once the host has ended, or
the controller is gone, kills all of it, removes the folder, and ends as the host did. What forks
faster than it can be killed is given up after a while. The keeper runs no plugin code, and Landlock
keeps plugin code from sending it signals.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from stormdb import _native

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stormdb.plugins.sandbox import Bounds

__all__ = ["VERDICT", "fork_below_keeper"]

VERDICT = "stormdb-keeper: "
"""What begins the line in which the keeper tells why it killed the host."""
_LOOK_MS = 200
_GRACE_S = 5.0
_SWEEP_S = 5.0
_PAUSE_S = 0.002


def fork_below_keeper(command_fd: int, message_fd: int, crash_fd: int, bounds: Bounds) -> None:
    """Go on in a process that has this one as its keeper; where there is none, in this one.

    Args:
        command_fd: its end tells that the controller has closed it or is gone.
        message_fd: the host's alone.
        crash_fd: the keeper writes down there why it killed the host.
        bounds: what the host may use.
    """
    if sys.platform != "linux":
        return
    _native.adopt_orphans()
    host = os.fork()
    if host == 0:
        _native.die_with_parent()
        return
    os.close(message_fd)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    _Keeper(host, command_fd, crash_fd, bounds).keep()


class _Keeper:
    """Watches one host until its end."""

    def __init__(self, host: int, command_fd: int, crash_fd: int, bounds: Bounds) -> None:
        self._host = host
        self._command_fd = command_fd
        self._crash_fd = crash_fd
        self._bounds = bounds
        self._status = int(signal.SIGKILL)  # how a host ends that is not seen to end
        self._host_fd = os.pidfd_open(host)  # type: ignore[attr-defined,unused-ignore]
        signal.signal(signal.SIGABRT, self._hand_on)
        signal.signal(signal.SIGTERM, self._hand_on_as_kill)

    def _hand_on(self, number: int, _: FrameType | None) -> None:
        self._send(number)

    def _hand_on_as_kill(self, _: int, __: FrameType | None) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        with suppress(OSError):
            signal.pidfd_send_signal(self._host_fd, number)  # type: ignore[attr-defined,unused-ignore]

    def keep(self) -> NoReturn:
        """Wait for the end of the host, leave nothing behind, end as it did."""
        try:
            self._watch()
        finally:
            import shutil  # the host does not need it

            self._send(signal.SIGKILL)
            self._sweep()
            shutil.rmtree(self._bounds.folder, ignore_errors=True)
            _end_as(self._status)

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._host_fd, select.POLLIN)
        poll.register(self._command_fd, 0)  # tells of its end alone
        looks_at, gone_at = 0.0, float("inf")
        while True:
            now = time.monotonic()
            ready = {fd for fd, _ in poll.poll(_LOOK_MS)}
            if self._host_fd in ready or now > gone_at:
                return
            if self._command_fd in ready:
                poll.unregister(self._command_fd)
                gone_at = now + _GRACE_S
            if now >= looks_at:
                self._reap()
                if verdict := self._verdict():
                    os.write(self._crash_fd, f"{VERDICT}{verdict}\n".encode())
                    return
                # A look must not cost more than a twentieth of the time.
                looks_at = now + 20 * (time.monotonic() - now - _LOOK_MS / 1000)

    def _verdict(self) -> str:
        """What the plugin uses too much of, if anything."""
        if sum(1 for _ in _descendants(os.getpid())) > self._bounds.processes:
            return "processes"
        if _size_bytes(self._bounds.folder) > self._bounds.disk_bytes:
            return "disk"
        return ""

    def _sweep(self) -> None:
        """Kill what there is until nothing is left, or for `_SWEEP_S`."""
        until = time.monotonic() + _SWEEP_S
        while True:
            # Of children alone no other process can have the number: they are not reaped yet.
            for pid in _children(os.getpid()):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            if not self._reap() or time.monotonic() > until:
                return
            # To wait for an end would be to wait for one that was adopted after the look.
            time.sleep(_PAUSE_S)

    def _reap(self) -> bool:
        """Take note of what has ended, its own child and adopted ones; whether any is left."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == self._host:
                    self._status = status
                if pid == 0:
                    return True
        return False


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - only the names
        texts = (Path(f"/proc/{pid}/task/{task}/children").read_text() for task in tasks)
        return [int(word) for text in texts for word in text.split()]
    return []


def _descendants(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _descendants(child)


def _size_bytes(folder: str) -> int:
    """What the files below a folder take on disk."""
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    total += _size_bytes(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _end_as(status: int) -> NoReturn:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number:
        with suppress(OSError, ValueError):  # a signal such as SIGKILL has no action to set
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)

"""The live view of a real run on a pseudo terminal, to its end and interrupted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
CLEAR_SCREEN = b"\x1b[2J"


class Screen:
    """A command on a terminal of 100 columns and 30 lines."""

    def __init__(self, process: subprocess.Popen[bytes], controller: int) -> None:
        self.process = process
        self.sent = b""
        self._controller = controller

    @property
    def text(self) -> str:
        """What was sent, without control sequences."""
        plain = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.sent)
        return plain.decode(errors="replace").replace("\r", "")

    def resize(self, columns: int, lines: int) -> None:
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, size)

    def read_until(self, word: str, limit_s: float = 60) -> None:
        """Read until a word was shown, or the command has ended."""
        end = time.monotonic() + limit_s
        while word not in self.text:
            assert time.monotonic() < end, f"{word!r} was not shown:\n{self.text[-2000:]}"
            if not self._read():
                break
        assert word in self.text, f"{word!r} was not shown:\n{self.text[-2000:]}"

    def read_to_end(self, limit_s: float = 60) -> int:
        """Read until the command has ended; its exit status."""
        end = time.monotonic() + limit_s
        while self._read():
            assert time.monotonic() < end, f"it does not end:\n{self.text[-2000:]}"
        return self.process.wait(timeout=10)

    def _read(self) -> bool:
        if select.select([self._controller], [], [], 0.2)[0]:
            try:
                data = os.read(self._controller, 65536)
            except OSError:  # Linux says so when the last writer has gone.
                return False
            self.sent += data
            return bool(data)
        return self.process.poll() is None


@contextmanager
def screen(*arguments: str) -> Iterator[Screen]:
    """`stormdb` with these arguments on a terminal."""
    controller, terminal = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [Path(sys.executable).with_name("stormdb"), *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env=environment | {"TERM": "xterm-256color"},
    )
    shown = Screen(process, controller)
    shown.resize(100, 30)
    os.close(terminal)
    try:
        yield shown
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(controller)


def test_a_run_shows_its_picture_survives_a_resize_and_leaves_report_and_cursor() -> None:
    with screen("run", "quickstart", "--rate", "50", "--duration", "4s") as shown:
        shown.read_until("last interval")
        assert "workers busy" in shown.text
        assert CLEAR_SCREEN not in shown.sent
        shown.resize(80, 24)
        assert shown.read_to_end() in {0, 5}
    assert CLEAR_SCREEN in shown.sent
    assert shown.sent.rindex(SHOW_CURSOR) > shown.sent.rindex(HIDE_CURSOR)
    assert re.search(r"✓ setup  [\d.]+ m?s\n", shown.text)
    report = shown.text[shown.text.rindex("stormdb 0") :]
    assert "── result" in report
    assert "again  stormdb run quickstart" in report
    # The report is as wide as the terminal has become.
    assert max(len(line) for line in report.splitlines()) == 80


def test_an_interrupted_run_gives_the_cursor_back_and_a_partial_report() -> None:
    with screen("run", "quickstart", "--rate", "50", "--duration", "60s") as shown:
        shown.read_until("last interval")
        shown.process.send_signal(signal.SIGINT)
        assert shown.read_to_end() == 130
    assert shown.sent.rindex(SHOW_CURSOR) > shown.sent.rindex(HIDE_CURSOR)
    report = shown.text[shown.text.rindex("stormdb 0") :]
    assert "· interrupted" in report
    assert "this is a partial report" in " ".join(report.split())

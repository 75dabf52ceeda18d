"""What a keeper does at the end, in a process of its own: it waits for all its children."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no keeper elsewhere")

START = """
import os, subprocess
from stormdb.plugins import keeper
from stormdb.plugins.sandbox import Bounds

bounds = Bounds(
    folder="/nowhere", disk_bytes=0, cpu_s=1, open_files=64, processes=1, is_narrowed=False,
    read=(), write=(), connect=(), user="",
)
late = subprocess.Popen(["sleep", "100"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
one = keeper._Keeper(late.pid, -1, -1, bounds)
"""


def run(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", START + text], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_a_process_that_is_adopted_after_the_look_is_killed_at_the_next_one() -> None:
    text = """
looks = [[]]
keeper._children = lambda pid: looks.pop() if looks else [late.pid]
one._status = 0
one._sweep()
print(os.waitstatus_to_exitcode(one._status))
"""
    assert run(text) == "-9"


def test_a_sweep_gives_up_what_it_cannot_end() -> None:
    text = """
keeper._SWEEP_S = 0.01
keeper._children = lambda pid: []
one._sweep()
print(late.poll(), one._reap())
late.kill()
"""
    assert run(text) == "None True"

"""However the process ends that started a server, the server ends and nothing is left.

Each test runs a Python of its own that starts a server, ends it in its way, and then looks for
processes, files, sockets and shared memory.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(
    not Path("/proc/sysvipc/shm").exists(), reason="looks for shared memory in /proc"
)

_START = """
import json, os, signal, sys, time
from stormdb.server import EmbeddedServer

def say(server):
    lines = (server.data_path / "postmaster.pid").read_text().splitlines()
    facts = {"pid": server.pid, "port": server.port, "password": server.password,
             "segment": int(lines[6].split()[1]), "data": str(server.data_path),
             "socket_dir": str(server.socket_dir), "bin_dir": str(server.bin_dir)}
    print(json.dumps(facts), flush=True)
    sys.stdin.readline()

server = EmbeddedServer(settings={"fsync": "off", "shared_buffers": "16MB"})
"""
_FOREVER = _START + "server.start(); say(server)"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder for temporary files of one test's servers, and what to look at afterwards."""

    path: Path
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    def python(self, code: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.path)},
            start_new_session=True,
        )
        self.children.append(child)
        return child

    def processes(self) -> list[str]:
        listed = subprocess.run(
            ["ps", "-eo", "stat=,pid=,args="], capture_output=True, text=True, check=True
        )
        return [
            line
            for line in listed.stdout.splitlines()
            if str(self.path) in line and not line.startswith("Z")
        ]

    def assert_empty(self, facts: dict[str, Any] | None = None, within_s: float = 15) -> None:
        """Wait until files and processes are gone, then look for shared memory."""
        wait_until(lambda: not list(self.path.iterdir()) and not self.processes(), within_s)
        assert list(self.path.iterdir()) == []
        assert self.processes() == []
        if facts is not None:
            assert facts["segment"] not in segments()
            assert not is_alive(facts["pid"])


def wait_until(is_true: Callable[[], bool], within_s: float) -> None:
    limit = time.monotonic() + within_s
    while not is_true() and time.monotonic() < limit:
        time.sleep(0.02)


def segments() -> dict[int, int]:
    """System V segments of this machine: id, and how many processes use it."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()]
    return {int(row[1]): int(row[6]) for row in rows[1:]}


def orphans(known: set[int]) -> list[int]:
    return [segment for segment, users in segments().items() if not users and segment not in known]


def is_alive(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return state.stdout.strip()[:1] not in ("", "Z")


def facts_of(child: subprocess.Popen[str]) -> dict[str, Any]:
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, child.communicate()[1]
    facts: dict[str, Any] = json.loads(line)
    assert facts["segment"] in segments(), "the look for shared memory sees it while it is there"
    assert is_alive(facts["pid"])
    return facts


def kill_guard_of(child: subprocess.Popen[str]) -> None:
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    [guard] = [pid for pid, parent, name in rows if parent == str(child.pid) and name == "sh"]
    os.kill(int(guard), signal.SIGKILL)


@pytest.fixture
def place(folder: Path) -> Iterator[Place]:
    made = Place(folder)
    yield made
    for child in made.children:
        child.kill()
        child.communicate()
    wait_until(lambda: not made.processes(), 15)


@pytest.mark.parametrize(
    "ending",
    [
        "with server: say(server)",
        "server.start(); say(server); server.stop(); server.stop()",
        "server.start(); say(server); sys.exit(3)",
        "server.start(); say(server); os._exit(3)",
        "server.start(); say(server); os.abort()",
    ],
)
def test_nothing_is_left_of_a_server(place: Place, ending: str) -> None:
    child = place.python(_START + ending)
    facts = facts_of(child)
    child.communicate()
    place.assert_empty(facts)


def test_nothing_is_left_after_an_exception(place: Place) -> None:
    child = place.python(_START + "\nwith server:\n    say(server)\n    raise RuntimeError('told')")
    facts = facts_of(child)
    assert "RuntimeError: told" in child.communicate()[1]
    # The context manager has waited: nothing is left at the moment when it is left.
    assert list(place.path.iterdir()) == []
    place.assert_empty(facts)


def test_sigkill_of_the_process_ends_the_server(place: Place) -> None:
    child = place.python(_FOREVER)
    facts = facts_of(child)
    child.kill()
    child.communicate()
    place.assert_empty(facts)


@pytest.mark.parametrize("delay_s", [0.2, 0.4, 0.6, 0.8, 1.1, 1.5])
def test_sigkill_while_the_server_is_being_made_leaves_nothing(
    place: Place, delay_s: float
) -> None:
    segments_before = set(segments())
    child = place.python(_FOREVER)
    wait_until(lambda: bool(list(place.path.iterdir())), 10)
    time.sleep(delay_s)
    child.kill()
    child.communicate()
    place.assert_empty()
    # Servers of other tests come and go on the machine; theirs are in use.
    wait_until(lambda: not orphans(segments_before), 5)
    assert orphans(segments_before) == []


def test_ctrl_c_ends_the_server_in_order(place: Place) -> None:
    child = place.python(_START + "\nwith server:\n    say(server)")
    facts = facts_of(child)
    os.killpg(child.pid, signal.SIGINT)  # what a terminal does
    assert "KeyboardInterrupt" in child.communicate()[1]
    place.assert_empty(facts)


def test_a_start_that_is_refused_leaves_nothing(place: Place) -> None:
    child = place.python(_START + "\nEmbeddedServer(settings={'work_mem': 'much'}).start()")
    text = child.communicate()[1]
    assert 'invalid value for parameter "work_mem": "much"' in text
    assert list(place.path.iterdir()) == []
    place.assert_empty()


def test_a_stopped_server_ends_too(place: Place) -> None:
    child = place.python(_FOREVER)
    facts = facts_of(child)
    os.kill(facts["pid"], signal.SIGSTOP)
    child.kill()
    child.communicate()
    place.assert_empty(facts)


def test_a_killed_server_leaves_no_shared_memory(place: Place) -> None:
    """A parallel query holds POSIX segments too, whose names only the server knows."""
    child = place.python(_FOREVER)
    facts = facts_of(child)
    query = subprocess.Popen(
        [
            *(Path(facts["bin_dir"]) / "psql", "-h", "127.0.0.1", "-p", str(facts["port"])),
            *("-U", "postgres", "-d", "stormdb", "-c", "SET debug_parallel_query = on"),
            *("-c", "SELECT count(*), pg_sleep(60) FROM pg_class"),
        ],
        env={"PGPASSWORD": facts["password"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: bool(posix_segments(facts["pid"])), 10)
    names = posix_segments(facts["pid"])
    assert names
    os.kill(facts["pid"], signal.SIGKILL)
    query.wait()
    assert any(Path(name).exists() for name in names), "there is something to clean up"
    child.kill()
    child.communicate()
    place.assert_empty(facts)
    assert [name for name in names if Path(name).exists()] == []


def posix_segments(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split()[5] for line in lines if "/dev/shm/PostgreSQL." in line}


def test_a_forked_child_neither_stops_the_server_nor_keeps_it(place: Place) -> None:
    code = """
server.start()
if os.fork() == 0:
    server.stop()
    time.sleep(20)
    os._exit(0)
time.sleep(0.5)
say(server)
"""
    child = place.python(_START + code)
    facts = facts_of(child)
    assert list(place.path.iterdir())
    child.kill()  # the forked child lives on
    place.assert_empty(facts, within_s=10)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def test_a_lost_guard_is_replaced_at_the_end(place: Place) -> None:
    child = place.python(_START + "server.start(); say(server); server.stop()")
    facts = facts_of(child)
    kill_guard_of(child)
    child.communicate()
    place.assert_empty(facts)


def test_what_a_power_cut_left_is_removed_by_the_next_start(place: Place) -> None:
    child = place.python(_FOREVER)
    facts = facts_of(child)
    kill_guard_of(child)
    child.kill()
    child.communicate()
    os.kill(facts["pid"], signal.SIGKILL)
    left = Path(facts["socket_dir"])
    wait_until(lambda: not place.processes(), 10)
    assert left.exists()
    another = place.python(_FOREVER)
    facts_of(another)
    assert not left.exists()
    assert facts["segment"] not in segments()
    another.kill()
    another.communicate()
    place.assert_empty()

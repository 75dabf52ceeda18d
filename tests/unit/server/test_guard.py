"""The guard alone, with small programs in the server's place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from stormdb.server import guard
from stormdb.server.account import Account
from stormdb.server.guard import Guard

if TYPE_CHECKING:
    from pathlib import Path

OURSELVES = Account(name="me", uid=os.geteuid(), gid=os.getegid())


@pytest.fixture
def postgres(tmp_path: Path) -> Path:
    """A program that notes how it was called."""
    program = tmp_path / "postgres"
    program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/called\n')
    program.chmod(0o755)
    return program


def make(tmp_path: Path, postgres: Path, *data_dirs: Path) -> Guard:
    return Guard(
        account=OURSELVES, folder=tmp_path / "folder", postgres=postgres, data_dirs=data_dirs
    )


def test_the_folder_is_private_and_goes_with_its_content(tmp_path: Path, postgres: Path) -> None:
    made = make(tmp_path, postgres)
    folder = tmp_path / "folder"
    assert made.is_ready
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "a").mkdir()
    (folder / "a" / "b").touch()
    made.end()
    assert not folder.exists()


def test_where_no_folder_can_be_made_it_is_not_ready(tmp_path: Path, postgres: Path) -> None:
    made = Guard(
        account=OURSELVES, folder=tmp_path / "missing" / "x", postgres=postgres, data_dirs=()
    )
    assert not made.is_ready


def test_what_it_watches_gets_the_signal_chosen(tmp_path: Path, postgres: Path) -> None:
    made = make(tmp_path, postgres)
    note = tmp_path / "note"
    child = made.launch(
        [
            "/bin/sh",
            "-c",
            f"trap 'echo int >{note}; exit 7' INT; echo up; while :; do sleep 0.01; done",
        ],
        output=subprocess.PIPE,
        ends_with=signal.SIGINT,
    )
    assert child.stdout is not None
    with child.stdout as output:
        assert output.readline() == b"up\n"
        made.end()
    assert (note.read_text(), child.returncode) == ("int\n", 7)


# The child outlives its parent and says then whether it has got the signal too.
_PARENT_AND_CHILD = """
import os, signal
ours, theirs = os.pipe()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
if os.fork():
    os.close(ours)
    print("up", flush=True)
    signal.sigwait([signal.SIGINT])
    os._exit(0)
os.close(theirs)
os.read(ours, 1)
print("told" if signal.sigpending() else "spared", flush=True)
"""


def test_int_is_for_the_process_alone_and_not_for_its_children(
    tmp_path: Path, postgres: Path
) -> None:
    made = make(tmp_path, postgres)
    child = made.launch(
        [sys.executable, "-c", _PARENT_AND_CHILD],
        output=subprocess.PIPE,
        ends_with=signal.SIGINT,
    )
    assert child.stdout is not None
    with child.stdout as output:
        assert output.readline() == b"up\n"
        made.end()
        assert output.read() == b"spared\n"


def test_a_child_reads_what_it_is_given_and_nothing_before(tmp_path: Path, postgres: Path) -> None:
    made = make(tmp_path, postgres)
    child = made.launch(["/bin/cat"], output=subprocess.PIPE, input_text="one\ntwo\n")
    assert child.communicate()[0] == b"one\ntwo\n"
    made.forget()
    made.end()


def test_leaving_keeps_the_process_and_the_folder(tmp_path: Path, postgres: Path) -> None:
    made = make(tmp_path, postgres)
    child = made.launch(["/bin/sleep", "60"], output=subprocess.DEVNULL)
    made.leave()
    assert child.poll() is None
    assert (tmp_path / "folder").exists()
    child.kill()
    child.wait()


def test_the_shared_memory_of_a_dead_server_is_cleaned_once(tmp_path: Path, postgres: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    (data / "postmaster.pid").write_text(f"{gone.pid}\n{data}\n")
    make(tmp_path, postgres, data, tmp_path / "never made").end()
    assert (tmp_path / "called").read_text() == f"--check -D {data}\n"
    assert not (data / "postmaster.pid").exists()


def test_a_zombie_counts_as_dead(tmp_path: Path, postgres: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    zombie = subprocess.Popen(["/bin/true"])
    time.sleep(0.2)  # it has ended, and nobody has waited for it
    (data / "postmaster.pid").write_text(f"{zombie.pid}\n")
    make(tmp_path, postgres, data).end()
    assert (tmp_path / "called").exists()
    zombie.wait()


def test_another_servers_lock_file_is_left_alone(tmp_path: Path, postgres: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    make(tmp_path, postgres, data).end()
    assert (data / "postmaster.pid").read_text() == f"{os.getpid()}\n"
    assert not (tmp_path / "called").exists()


def test_a_reader_that_died_before_the_first_word_is_one_that_died(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    argv: list[str | Path] = [
        "/bin/sh",
        "-c",
        guard._SCRIPT,
        "guard",
        tmp_path / "folder",
        "/bin/true",
    ]
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=write_end, check=True)
    os.close(write_end)
    assert not (tmp_path / "folder").exists()

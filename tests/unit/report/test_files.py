"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stormdb.errors import StoreError
from stormdb.report.files import write_whole

FULL = Path("/dev/full")


def failing_parts() -> Iterator[bytes]:
    yield b"half of it"
    raise OSError(28, "No space left on device")


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    write_whole(file, [b"old"])
    write_whole(file, [b"new", b"er"])
    assert file.read_bytes() == b"newer"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_has_the_rights_that_the_user_gives_to_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "report.json", [b"x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o640


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_bytes(b"old")
    with pytest.raises(StoreError) as raised:
        write_whole(file, failing_parts())
    assert str(raised.value) == (
        f"{file}: the file cannot be written: No space left on device; hint: name a file in a "
        "folder that exists, may be written to and has room"
    )
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_bug_while_writing_leaves_the_old_file_too(tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b"half of it"
        raise ZeroDivisionError

    file = tmp_path / "report.json"
    file.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_whole(file, parts())
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (b"old", [file])


@pytest.mark.parametrize("name", ["absent/report.json", "file/report.json"])
def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="the file cannot be written"):
        write_whole(tmp_path / name, [b"x"])


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_full_device_is_an_error() -> None:
    with pytest.raises(StoreError, match="No space left on device"):
        write_whole(FULL, [b"x" * 10_000])
    assert FULL.is_char_device()


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_whole(link, [b"new"])
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, [b"through ", b"the pipe"])
    reader.join(timeout=10)
    assert read == [b"through the pipe"]


def test_a_dash_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_whole("-", [b"\xff\x00"])
    assert capfdbinary.readouterr().out == b"\xff\x00"

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from stormdb._native import Trace
from stormdb.config import load
from stormdb.config.trace_file import read_trace


def _problem(path: object) -> str:
    with pytest.raises(PydanticCustomError) as caught:
        read_trace(path, 10**6)
    assert caught.value.context is not None
    assert caught.value.context["hint"]
    return str(caught.value.context["message"])


def test_a_file_is_read_at_its_speed(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("\ufeff# recorded\n0\n1.5\n")
    read = read_trace(str(file), 3 * 10**6)
    assert read.path == str(file)
    assert read.trace == Trace.parse("", "0\n0.5\n")


def test_a_mistake_is_told_with_file_and_line(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("0\n2\n1\n")
    assert _problem(str(file)) == f"{file}:3: 1 s is earlier than the line before"
    file.write_bytes(b"1\n\xff\n")
    assert _problem(str(file)) == f"{file} is not a text: byte 2 is not UTF-8"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.csv"
    assert _problem(str(missing)) == f"{missing} cannot be read: no such file or directory"
    assert _problem(str(tmp_path)) == f"{tmp_path} cannot be read: is a directory"
    assert _problem(5) == "5 is not a path"


def test_another_recording_is_another_configuration(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    keys = {"load.arrival": "trace", "load.file": str(file), "seed": 1}

    def digest(text: str) -> str:
        file.write_text(text)
        return load(None, workload="simple", flags=keys, environ={}).digest

    first = digest("0\n1\n")
    assert digest("0\n1\n") == first
    assert digest("0\n1.0000001\n") != first


@pytest.mark.parametrize(("duration", "is_cut"), [("2s", True), ("2001ms", False), (None, False)])
def test_a_duration_that_cuts_a_trace_short_is_told(
    tmp_path: Path, duration: str | None, is_cut: bool
) -> None:
    file = tmp_path / "times.csv"
    file.write_text("0\n2\n")
    keys = {"load.arrival": "trace", "load.file": str(file), "duration": duration}
    notices = load(None, workload="simple", flags=keys, environ={}).notices
    assert [notice.startswith("--duration: the run of 2.00 s") for notice in notices] == [
        True
    ] * is_cut

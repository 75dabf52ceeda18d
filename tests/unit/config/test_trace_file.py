from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import PydanticCustomError

from stormdb._native import Trace
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

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.tags import sys_tags

from stormdb.plugins import foreign

MARK = b"\xff Go buildinf:"


@pytest.mark.parametrize(
    ("head", "form"),
    [
        (b"\x7fELF", "an ELF library (Linux)"),
        (b"MZ\x90\0", "a PE library (Windows)"),
        (b"\xcf\xfa\xed\xfe", "a Mach-O library (macOS)"),
    ],
)
def test_a_go_library_is_told_from_another_one(head: bytes, form: str, tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    file.write_bytes(head + bytes(5000) + MARK + bytes(50))
    message, hint = foreign.library_problem(file)
    assert message.startswith(f"is {form} built from Go for the older tool")
    assert hint == "see docs/plugin-development-guide.md#porting-a-go-plugin"
    file.write_bytes(head + bytes(5000))
    message, _ = foreign.library_problem(file)
    assert message == f"is {form}, not a Python plugin"


def test_a_file_that_is_no_library_is_not_searched_for_go(tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    for content in (b"", b"text" + MARK):
        file.write_bytes(content)
        assert foreign.library_problem(file)[0] == "has the name of a library but is none"


def test_a_wheel_for_here_and_one_for_elsewhere(tmp_path: Path) -> None:
    here = next(iter(sys_tags()))
    assert foreign.wheel_problem(tmp_path / f"shop-1.0-{here}.whl") is None
    assert foreign.wheel_problem(tmp_path / "shop-1.0-py3-none-any.whl") is None
    message, _ = foreign.wheel_problem(tmp_path / "shop-1.0-cp39-cp39-win_amd64.whl") or ("", "")
    assert message == f"is a wheel for cp39-cp39-win_amd64, this platform is {here}"

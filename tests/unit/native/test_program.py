"""The engine reads what Python compiles, and refuses what it cannot run."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest
from hypothesis import given

from stormdb._native import check_program
from stormdb.program import Program
from tests.support.programs import programs as any_programs
from tests.unit.program.golden import FOLDER, programs


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.msgpack")), ids=lambda path: path.stem)
def test_the_programs_in_files_can_be_run(path: Path) -> None:
    check_program(path.read_bytes())


def test_programs_that_are_compiled_now_can_be_run() -> None:
    for program in programs().values():
        check_program(program.bytes)


def refusal(program: bytes) -> str:
    """Why it cannot be run, or nothing."""
    try:
        check_program(program)
    except ValueError as error:
        return str(error)
    return ""


@given(program=any_programs)
def test_whatever_python_encodes_is_read_and_judged_by_its_meaning(program: Program) -> None:
    found = refusal(program.bytes)
    # Only numbers of columns and parameters have fewer bits there.
    assert "cannot be read" not in found or "expected u16" in found


def test_a_program_that_cannot_be_run_is_refused_with_its_place() -> None:
    whole = msgpack.unpackb((FOLDER / "transfers.msgpack").read_bytes())
    statement = whole["statements"][0]
    statement["sql"] += " $9"
    with pytest.raises(ValueError, match=r"\$9 has no value"):
        check_program(msgpack.packb(whole))
    with pytest.raises(ValueError, match="program: format version 7"):
        check_program(msgpack.packb(whole | {"version": 7}))
    with pytest.raises(ValueError, match="cannot be read"):
        check_program(b"")

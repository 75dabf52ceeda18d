"""The engine reads what Python compiles, and refuses what it cannot run."""

from __future__ import annotations

import msgpack
import pytest

from stormdb._native import check_program
from tests.unit.program.golden import FOLDER, programs


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.msgpack")), ids=lambda path: path.stem)
def test_the_programs_in_files_can_be_run(path) -> None:  # type: ignore[no-untyped-def]
    check_program(path.read_bytes())


def test_programs_that_are_compiled_now_can_be_run() -> None:
    for program in programs().values():
        check_program(program.bytes)


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

"""The programs that are kept as files: they change only on purpose, and show every node."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from stormdb.program import decode
from stormdb.program.encode import plain
from stormdb.workload.distributions import Distribution
from stormdb.workload.expressions import BinaryOperation, Expression, UnaryOperation
from stormdb.workload.steps import Action
from tests.unit.program import golden
from tests.unit.program.golden import FOLDER, evaluations


@pytest.mark.parametrize("name", sorted(golden.files()))
def test_the_files_are_what_is_compiled_today(name: str) -> None:
    """If the change is meant: `python -m tests.unit.program.golden`, and read the difference."""
    assert (FOLDER / name).read_bytes() == golden.files()[name]


@pytest.mark.parametrize("name", ["transfers", "everything", "evaluations"])
def test_a_file_is_read_to_the_program_that_it_was_written_from(name: str) -> None:
    data = (FOLDER / f"{name}.msgpack").read_bytes()
    assert repr(decode(data)) == repr(golden.programs()[name])


def test_the_values_are_those_of_the_program_in_the_file() -> None:
    program = decode((FOLDER / "evaluations.msgpack").read_bytes())
    kept = json.loads((FOLDER / "evaluations.values.json").read_text())
    assert evaluations.outcomes(program) == kept
    assert len(kept) > 1000


def test_every_node_of_the_format_is_in_the_files() -> None:
    found: set[object] = set()

    def look(value: object) -> None:
        if isinstance(value, dict):
            found.update(value)
            list(map(look, value.values()))
        elif isinstance(value, list):
            list(map(look, value))
        elif isinstance(value, str):
            found.add(value)

    look([plain(program) for program in golden.programs().values()])
    variants = [
        variant for union in (Action, Expression, Distribution) for variant in get_args(union)
    ]
    names = {name.__name__.lower() for name in variants} | {*UnaryOperation} | {*BinaryOperation}
    assert names <= {str(name).replace("_", "") for name in found} | found

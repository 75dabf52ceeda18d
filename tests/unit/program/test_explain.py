"""The listing of a program, whole in a snapshot, and what the snapshot could not show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stormdb.program import explain
from stormdb.workload import Tx
from tests.support.described import compiled, send
from tests.unit.program import golden

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion


@pytest.mark.parametrize("name", ["transfers", "everything"])
def test_a_listing_reads_well(name: str, snapshot: SnapshotAssertion) -> None:
    text = explain(golden.programs()[name])
    assert re.sub("sha256:[0-9a-f]{64}", "sha256:<digest>", text) == snapshot


def test_every_line_of_a_step_has_the_authors_place() -> None:
    def describe(tx: Tx) -> None:
        with tx.block():
            send(tx, 1)

    lines = explain(compiled(describe)).splitlines()[3:]
    first = describe.__code__.co_firstlineno
    places = [line.partition(" ")[0] for line in lines]
    assert places[0].endswith(".py:44") or ".py:" in places[0]
    assert places[1] == f"tests/unit/program/test_explain.py:{first + 1}"
    assert [place for place in places[3:] if place] == []


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (0, "exactly 0 rows"),
        (1, "exactly 1 row"),
        ((0, 1), "at most 1 row"),
        ((2, None), "at least 2 rows"),
        ((0, None), "any number of rows"),
        ((2, 5), "2 to 5 rows"),
    ],
)
def test_rows(rows: tuple[int, int | None] | int, text: str) -> None:
    program = compiled(lambda tx: tx.execute("SELECT 1", rows=rows))
    assert f"must give {text}\n" in explain(program)


def test_a_statement_keeps_its_lines_and_loses_its_indentation() -> None:
    sql = """
        SELECT a
          FROM t

        WHERE b
    """
    text = explain(compiled(lambda tx: tx.execute(sql)))
    shown = [line[line.index("  ") :].strip() for line in text.splitlines() if "  " in line]
    assert shown[1:5] == [
        "SELECT a",
        "FROM t",
        "WHERE b",
        "reported as t1 / SELECT a FROM t WHERE b",
    ]

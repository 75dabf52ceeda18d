from __future__ import annotations

import pytest

from stormdb.testing.statements import Statement, without


def statement(text: str, number: int = 1, calls: int = 1, rows: int = 0) -> Statement:
    return Statement(text=text, id=number, calls=calls, rows=rows)


@pytest.mark.parametrize(
    ("text", "has_rows", "is_write"),
    [
        ("SELECT 1", True, False),
        ("/* a */ -- b\n select 1 FOR UPDATE", True, False),
        ("SELECT 1 FOR NO KEY UPDATE", True, False),
        ("UPDATE t SET a = 1", True, True),
        ("INSERT INTO t VALUES (1)", True, True),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT 1", True, True),
        ("BEGIN", False, False),
        ("SET search_path = a", False, False),
    ],
)
def test_what_a_statement_is(text: str, has_rows: bool, is_write: bool) -> None:
    one = statement(text)
    assert (one.has_rows, one.is_write) == (has_rows, is_write)


def test_what_verify_asked_is_taken_away() -> None:
    both = [statement("a", 1, calls=5, rows=9), statement("b", 2, calls=1, rows=1)]
    of_verify = [statement("a", 1, calls=1, rows=4), statement("b", 2, calls=1, rows=1)]
    assert without(both, of_verify) == [statement("a", 1, calls=4, rows=5)]
    assert without(both, None) is None

"""What of a statement is a parameter, and what only looks like one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb._native import check_program
from stormdb.errors import ProgramError
from stormdb.program import Program, Transaction
from stormdb.workload.expressions import Const
from stormdb.workload.sql import checked_sql, column_names
from stormdb.workload.steps import Execute, Statement, Step


@pytest.mark.parametrize(
    ("sql", "value_count"),
    [
        ("SELECT 1", 0),
        ("  SELECT $1 ;  ", 1),
        ("SELECT $2, $1, $2", 2),
        ("SELECT '$3', E'\\'$3', U&'$3', \"$3\", $1", 1),
        ("SELECT 'it''s $3', $1", 1),
        ("SELECT $$ $3 ; $$, $a$ $3 ; $b$ $a$, $1", 1),
        ("SELECT $1 -- $3 ; '\n, /* $3 /* ; */ ' */ 2", 1),
        ("SELECT a$3 FROM t", 0),
        ("SELECT $1::int, a[1:2], a[lo:hi], b ? 'key', 5 % s, format('%s', $2)", 2),
        ("SELECT $1 %s", 1),
        ("WITH a AS (SELECT 1) SELECT * FROM a; -- done", 0),
        ("VACUUM t", 0),
        ("SELECT 'BEGIN; COMMIT'", 0),
        (f"SELECT {', '.join(f'${n}' for n in range(1, 65_536))}", 65_535),
    ],
)
def test_statements_that_can_be_sent(sql: str, value_count: int) -> None:
    assert checked_sql(sql, value_count) == sql.strip()


@pytest.mark.parametrize(
    ("sql", "value_count", "message"),
    [
        ("SELECT 'a;b'; SELECT 2", 0, "these are several statements"),
        ("/* a */ begin", 0, "BEGIN cannot be executed"),
        ("start transaction", 0, "START cannot be executed"),
        ("SELECT $1 -- $2", 2, "value 2 of 2 is never used"),
        ("SELECT $a$ $b$", 0, r"a text that \$a\$ begins and nothing ends"),
        ('SELECT "a', 0, 'a " that is never closed'),
        ("SELECT E'\\'", 0, "a ' that is never closed"),
        ("SELECT x = :x AND $1", 2, ":x is no placeholder"),
        ("SELECT %s, %s", 2, "%s is no placeholder"),
        (f"SELECT {', '.join(f'${n}' for n in range(1, 65_537))}", 65_536, "at most 65535"),
    ],
)
def test_statements_that_cannot(sql: str, value_count: int, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        checked_sql(sql, value_count)


@given(sql=st.text(st.sampled_from("'\"$;-/*%:a1E \n\\"), max_size=30))
def test_whatever_is_written_is_read_to_its_end_or_refused(sql: str) -> None:
    with contextlib.suppress(ProgramError):
        assert checked_sql(sql, 0) == sql.strip()


@given(sql=st.text(st.sampled_from("'\"$;-/*a1E \n\\"), max_size=30), value_count=st.integers(0, 2))
def test_what_is_let_through_has_the_same_parameters_for_the_engine(
    sql: str, value_count: int
) -> None:
    sql = f"SELECT {sql}, $1"
    try:
        checked_sql(sql, value_count)
    except ProgramError:
        return
    values = tuple(Const(n) for n in range(value_count))
    execute = Execute(statement=0, values=values, rows=None, capture=())
    program = Program(
        mix="sampled",
        transactions=(
            Transaction(
                name="t",
                weight=1,
                place="f.py:1",
                slots=(),
                draws=0,
                steps=(Step(place="f.py:2", do=execute),),
            ),
        ),
        statements=(Statement(label="t / s", sql=sql, parameter_count=value_count),),
        tables=(),
        metrics=(),
    )
    check_program(program.bytes)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT a, t.b, c AS d, count(*) AS n FROM t", ["a", "b", "d", "n"]),
        ('SELECT "Total cents" FROM t', ["Total cents"]),
        ("SELECT count(*), f(a, b) FROM t", ["fetched", "fetched"]),
        ("UPDATE t SET a = 1 RETURNING b, a", ["b", "a"]),
        ("SELECT a", ["a", "fetched"]),
        ("SELECT ARRAY[a, b] AS c, 1", ["c", "fetched"]),
        ("VALUES (1)", ["fetched"]),
    ],
)
def test_names_of_columns(sql: str, names: list[str]) -> None:
    assert column_names(sql, len(names)) == names

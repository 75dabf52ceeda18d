from __future__ import annotations

from datetime import date

import pytest

from stormdb.errors import ProgramError
from stormdb.workload import Tx, pad, random_date, random_text, sequence, uniform, vector
from stormdb.workload.copying import copy_sql
from stormdb.workload.steps import CopyIn
from tests.support.described import compiled


@pytest.mark.parametrize(
    ("table", "columns", "sql"),
    [
        ("t", ("a",), "COPY t (a) FROM STDIN (FORMAT binary)"),
        ("s.t", ("a", "b_1"), "COPY s.t (a, b_1) FROM STDIN (FORMAT binary)"),
        ('"Order"', ('"a ""b"""',), 'COPY "Order" ("a ""b""") FROM STDIN (FORMAT binary)'),
        ('"s"."t"', ("ä",), 'COPY "s"."t" (ä) FROM STDIN (FORMAT binary)'),
    ],
)
def test_names_stand_as_in_sql(table: str, columns: tuple[str, ...], sql: str) -> None:
    assert copy_sql(table, columns) == sql


@pytest.mark.parametrize("table", ["", "t t", "t;", 't"', "a.b.c", "1t", "t)--"])
def test_what_is_no_name_is_refused(table: str) -> None:
    with pytest.raises(ProgramError, match="is no name of a table or column"):
        copy_sql(table, ("a",))


def test_columns_have_the_order_and_the_types_that_are_given() -> None:
    def describe(tx: Tx) -> None:
        n = tx.let("n", uniform(1, 99))
        tx.copy_in(
            "t",
            {
                "a": sequence(),
                "b": random_text(5),
                "c": 1,
                "d": True,
                "e": pad(n, 3),
                "f": None,
                "g": [n, 2],
                "h": vector(3),
                "i": n,
                "j": random_date(date(2024, 1, 1), date(2024, 1, 31)),
            },
            rows=uniform(1, 50),
            types={
                "f": "uuid",
                "a": "bigint",
                "b": "character varying",
                "c": "double precision",
                "d": "boolean",
                "e": "text",
                "g": "integer[]",
                "h": "vector",
                "i": "timestamp with time zone",
                "j": "date",
            },
        )

    program = compiled(describe)
    copy = program.transactions[0].steps[-1].do
    assert isinstance(copy, CopyIn)
    assert copy.limit == 50
    names = [column.type_name for column in copy.columns]
    assert names[:6] == ["int8", "varchar", "float8", "bool", "text", "uuid"]
    assert names[6:] == ["int4[]", "vector", "timestamptz", "date"]
    assert program.statements[copy.statement].parameter_count == 0

from __future__ import annotations

import pytest

from stormdb.testing.state import _VARYING_DEFAULT, State, Table, difference


def state(*objects: str, **tables: tuple[int, str]) -> State:
    return State(
        objects=frozenset(objects),
        tables={name: Table(rows=rows, digest=digest) for name, (rows, digest) in tables.items()},
    )


def test_equal_states_do_not_differ() -> None:
    assert difference(state("role a", t=(1, "x")), state("role a", t=(1, "x"))) == []


def test_each_difference_is_told_in_words() -> None:
    before = state("role a", kept=(3, "x"), other=(3, "x"), gone=(1, "x"))
    after = state("role b", kept=(4, "y"), other=(3, "y"), new=(1, "x"))
    assert difference(before, after) == [
        "role a is gone",
        "role b is new",
        "rows of table other differ",
        "table gone is gone",
        "table kept has 4 rows, it had 3",
        "table new is new",
    ]


def test_a_table_that_is_an_object_too_is_told_once() -> None:
    assert difference(state(), state("table t", t=(0, "x"))) == ["table t is new"]


def test_rows_of_all_tables_are_counted() -> None:
    assert state(a=(2, "x"), b=(3, "x")).row_count == 5


@pytest.mark.parametrize(
    ("default", "varies"),
    [
        ("now()", True),
        ("CURRENT_TIMESTAMP", True),
        ("gen_random_uuid()", True),
        ("(random() * 9)::int", True),
        ("nextval('t_id_seq'::regclass)", False),
        ("'now'::text", False),
        ("", False),
    ],
)
def test_what_a_clock_or_a_die_fills_in_varies(default: str, varies: bool) -> None:
    assert bool(_VARYING_DEFAULT.search(default)) == varies

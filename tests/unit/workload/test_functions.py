from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.errors import ProgramError
from stormdb.workload import (
    Table,
    Tx,
    Value,
    case,
    cast,
    exp,
    greatest,
    hash_of,
    least,
    length,
    ln,
    pad,
    permute,
    sequence,
    sqrt,
    table,
    text,
    uniform,
)
from stormdb.workload.expressions import Constant, Kind
from stormdb.workload.functions import once
from stormdb.workload.steps import Let
from tests.support.described import actions, compiled, send
from tests.support.reference import Evaluator
from tests.support.reference_draws import Draws, EvaluationError

DRAWS = Draws(index=77)


def evaluated(compute: Callable[..., Any], *operands: object) -> Any:
    """The value of what a function computes from variables with these values."""

    def describe(tx: Tx) -> None:
        variables = [tx.let(f"v{n}", value) for n, value in enumerate(operands)]
        tx.let("result", compute(*variables))
        send(tx)

    program = compiled(describe)
    slots: list[Constant] = [None] * len(program.transactions[0].slots)
    evaluator = Evaluator(slots, program.tables, DRAWS)
    for step in program.transactions[0].steps:
        if isinstance(step.do, Let):
            slots[step.do.slot] = evaluator.value(step.do.value)
    return slots[-1]


def test_case_takes_the_first_that_is_true() -> None:
    def sign(n: Value) -> Value:
        return case((n > 0, "plus"), (n >= 0, "zero"), otherwise="minus")

    assert [evaluated(sign, n) for n in (5, 0, -5)] == ["plus", "zero", "minus"]
    assert evaluated(sign, None) == "minus"
    assert evaluated(lambda n: case((n > 0, 1)), -1) is None


def test_cast() -> None:
    assert evaluated(lambda n: cast(n, int), 2.5) == 2
    assert evaluated(lambda n: cast(n, int), " 12 ") == 12
    assert evaluated(lambda n: cast(n > 1, int), 2) == 1
    assert evaluated(lambda n: cast(n, float), 2) == 2.0
    assert evaluated(lambda n: cast(n, str), 1e15) == "1e+15"
    with pytest.raises(EvaluationError, match="22023"):
        evaluated(lambda n: cast(n, int), "twelve")


def test_texts_are_built_of_values_of_any_kind() -> None:
    build = lambda n, x: text("user", n, "@", x, "/", n > 1)  # noqa: E731
    assert evaluated(build, 7, 1.5) == "user7@1.5/t"
    assert evaluated(build, None, 1.5) is None
    assert evaluated(text, "alone") == "alone"


@given(value=st.integers(0, 10**18), width=st.integers(1, 18))
def test_pad_writes_zeros_in_front(value: int, width: int) -> None:
    assert evaluated(lambda n: pad(n, width), value) == f"{value:0{width}}"


def test_pad_draws_a_random_value_once() -> None:
    assert evaluated(lambda: pad(uniform(42, 42), 4)) == "0042"


def test_once_keeps_what_needs_no_variable() -> None:
    def describe(tx: Tx) -> None:
        n = tx.let("n", 1)
        assert once(n) is n
        send(tx, once(3), once(n + 1), once(n + 1))

    lets = [action for action in actions(describe) if isinstance(action, Let)]
    assert [let.slot for let in lets] == [0, 1, 2]
    assert compiled(describe).transactions[0].slots == ("n", "value", "value (2)")


def test_least_and_greatest() -> None:
    assert evaluated(lambda a, b: least(a, b, 5), 7, 9) == 5
    assert evaluated(greatest, "a", "b") == "b"
    assert evaluated(lambda a: greatest(a, 1), None) is None


def test_mathematics() -> None:
    assert evaluated(sqrt, 16) == 4.0
    assert evaluated(ln, 1) == 0.0
    assert evaluated(exp, 0) == 1.0
    assert evaluated(length, "äöü") == 3
    with pytest.raises(EvaluationError, match="22023"):
        evaluated(sqrt, -1)


def test_permute_and_hash_are_those_of_the_engine() -> None:
    assert sorted(evaluated(lambda n: permute(n, 10, seed=3), n) for n in range(10)) == [*range(10)]
    assert evaluated(lambda n: hash_of(n, seed=5432), 10) == -5817877081768721676


def test_sequence_is_the_number_of_the_transaction() -> None:
    assert evaluated(lambda: sequence() + 1) == 78
    with pytest.raises(ProgramError, match=r"sequence\(\) stands outside"):
        sequence()


WORDS = table(["a", "b", "c"])


def test_tables_are_shared_and_their_entries_looked_up() -> None:
    assert evaluated(lambda n: WORDS[n], 2) == "c"
    with pytest.raises(EvaluationError, match="2202E"):
        evaluated(lambda n: WORDS[n**1], 3)
    program = compiled(
        lambda tx: send(tx, WORDS[0], table([1, 2])[1], table(["a", "b", "c"])[2]),
        lambda tx: send(tx, WORDS[1]),
    )
    assert program.tables == (("a", "b", "c"), (1, 2))


def test_a_table_knows_its_length_kind_and_bounds() -> None:
    def describe(tx: Tx) -> None:
        value = table([5, 3, 9])[uniform(0, 2)]
        assert (value.kind, value.bounds) == (Kind.INT, (3, 9))
        assert table([5, None])[0].bounds is None
        send(tx, value)

    compiled(describe)
    assert isinstance(WORDS, Table)
    assert len(WORDS) == 3

"""A computed value is what Python computes of the same numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.workload import Tx, Value, uniform
from stormdb.workload.expressions import Const, Slot
from stormdb.workload.steps import Let
from stormdb.workload.trace import MAX_DEPTH
from tests.support.described import actions, refusal, send
from tests.support.reference import Evaluator
from tests.support.reference_draws import EvaluationError

INTS = st.integers(-1000, 1000)
FLOATS = st.floats(-1000, 1000)
OPERATORS: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]
ON_BITS = [operator.and_, operator.or_, operator.xor]


def evaluated(compute: Callable[..., Value], *operands: object) -> Any:
    """The value of what a function computes from variables with these values."""

    def describe(tx: Tx) -> None:
        variables = [tx.let(f"v{n}", value) for n, value in enumerate(operands)]
        tx.let("result", compute(*variables))
        send(tx)

    lets = [action for action in actions(describe) if isinstance(action, Let)]
    slots = [action.value.value for action in lets[:-1] if isinstance(action.value, Const)]
    return Evaluator(slots).value(lets[-1].value)


def same(compute: Callable[..., Any], *operands: Any) -> None:
    """What is computed when the transaction runs is what Python computes."""
    try:
        expected = compute(*operands)
    except ZeroDivisionError:
        with pytest.raises(EvaluationError, match="22012"):
            evaluated(compute, *operands)
        return
    found = evaluated(compute, *operands)
    is_number = isinstance(expected, int | float)
    assert found == (pytest.approx(expected, rel=1e-9, abs=1e-9) if is_number else expected)
    assert type(found) is type(expected)


@pytest.mark.parametrize("compute", OPERATORS, ids=lambda one: one.__name__)
@given(left=INTS | FLOATS, right=INTS | FLOATS)
def test_numbers(compute: Callable[[Any, Any], Any], left: float, right: float) -> None:
    if compute in {operator.mod, operator.floordiv} and isinstance(left + right, float):
        left, right = float(round(left)), float(round(right))  # far from a border
        if math.copysign(1, left) != math.copysign(1, right):
            return  # Python corrects the last bit
    same(compute, left, right)


@pytest.mark.parametrize("compute", [*ON_BITS, *OPERATORS[-6:]], ids=lambda one: one.__name__)
@given(left=st.booleans(), right=st.booleans())
def test_booleans(compute: Callable[[Any, Any], Any], left: bool, right: bool) -> None:
    same(compute, left, right)


@pytest.mark.parametrize("compute", ON_BITS, ids=lambda one: one.__name__)
@given(left=INTS, right=INTS)
def test_bits(compute: Callable[[Any, Any], Any], left: int, right: int) -> None:
    same(compute, left, right)


@given(value=INTS, bits=st.integers(0, 40), power=st.integers(0, 6))
def test_shifts_and_powers(value: int, bits: int, power: int) -> None:
    same(operator.lshift, value, bits)
    same(operator.rshift, value, bits)
    same(operator.pow, value, power)


@given(value=INTS | FLOATS)
def test_one_number(value: float) -> None:
    for compute in (operator.neg, operator.pos, abs, round, math.floor, math.ceil):
        same(compute, value)  # type: ignore[arg-type]
    if isinstance(value, int):
        same(operator.invert, value)


def test_not_is_the_other_boolean() -> None:
    # In Python, ~True is -2.
    assert [evaluated(operator.invert, value) for value in (True, False)] == [False, True]


def test_rounding_to_digits() -> None:
    assert evaluated(lambda value: round(value, 2), 2.34567) == pytest.approx(2.35)
    assert evaluated(lambda value: round(value, -1), 1234) == 1230.0


@given(left=st.text(max_size=5), right=st.text(max_size=5))
def test_texts(left: str, right: str) -> None:
    left, right = left.replace("\0", ""), right.replace("\0", "")
    for compute in (operator.add, operator.eq, operator.lt, operator.ge):
        same(compute, left, right)


def test_constants_on_either_side() -> None:
    assert evaluated(lambda value: 10 - value, 3) == 7
    assert evaluated(lambda value: "a" + value, "b") == "ab"
    assert evaluated(lambda value: 2**value, 5) == 32
    assert evaluated(lambda value: 100 // value % 7, 3) == 5
    assert evaluated(lambda value: (1 << value) | 1, 4) == 17
    assert evaluated(lambda value: True & value, False) is False
    assert evaluated(lambda value: 1 / value, 4) == 0.25
    assert evaluated(lambda value: value > 5, 4) is False


def test_arrays() -> None:
    assert evaluated(lambda a, b: [a, b, 3], 1, 2) == (1, 2, 3)
    assert evaluated(lambda array: array[1], [7, 8]) == 8
    assert evaluated(lambda array, n: array[n], ["a", "b"], 0) == "a"


def test_null() -> None:
    assert evaluated(lambda value: value.is_null(), None) is True
    assert evaluated(lambda value: value.is_null(), 0) is False
    assert evaluated(lambda value: value + 1, None) is None


def test_bounds_are_known_of_what_is_computed() -> None:
    def describe(tx: Tx) -> None:
        n = tx.let("n", uniform(1, 9))
        assert n.bounds == (1, 9)
        assert (n * 10 - 5).bounds == (5, 85)
        assert (-n).bounds == (-9, -1)
        assert (n % 4).bounds == (0, 3)
        assert (n / 2).bounds is None
        assert round(n / 2).bounds is None
        send(tx)

    actions(describe)


def test_what_a_value_shows_of_itself_cannot_be_sent() -> None:
    def describe(tx: Tx) -> None:
        value = uniform(1, 9)
        assert repr(value).startswith("<Value of tests/unit/workload/test_values.py:")
        tx.execute(repr(value))  # no SQL, and seen as such by the server
        send(tx)

    actions(describe)


def test_an_expression_may_be_as_deep_as_the_engine_reads() -> None:
    def describe(tx: Tx, depth: int) -> None:
        value = tx.let("n", 1)
        for _ in range(depth - 1):
            value += 1
        send(tx, value)

    actions(lambda tx: describe(tx, MAX_DEPTH))
    assert "nested operations" in refusal(lambda tx: describe(tx, MAX_DEPTH + 1)).message


def test_values_of_another_transaction_are_refused() -> None:
    kept: list[Value] = []

    def first(tx: Tx) -> None:
        kept.append(tx.let("n", uniform(1, 9)))
        send(tx, kept[0])

    def second(tx: Tx) -> None:
        send(tx, kept[-1])

    def third(tx: Tx) -> None:
        send(tx, tx.let("m", 1) + kept[-1])

    for other in (second, third):
        error = refusal(first, other)
        assert error.message.startswith("this value belongs to the transaction t1, where tests/")
    assert isinstance(kept[0].expression, Slot)
    assert "belongs to" in refusal(first, lambda tx: send(tx, kept[-1] + 1)).message

"""Kinds that are known while tracing are those of the values at run time."""

from __future__ import annotations

from itertools import product

import pytest

from stormdb.workload.expressions import BinaryOperation, Constant, Kind, UnaryOperation
from stormdb.workload.kinds import (
    KindError,
    binary_kind,
    common_kind,
    constant_kind,
    kind_name,
    unary_kind,
)
from tests.support.reference import binary, unary
from tests.support.reference_draws import WRONG_KIND, EvaluationError

EXAMPLES: list[Constant] = [True, 3, 2.5, "7", b"ab", (1, 2), None]


@pytest.mark.parametrize("operation", UnaryOperation)
@pytest.mark.parametrize("value", EXAMPLES, ids=repr)
def test_the_kind_of_an_operation_on_one_value(operation: UnaryOperation, value: Constant) -> None:
    try:
        kind = unary_kind(operation, constant_kind(value))
    except KindError:
        with pytest.raises(EvaluationError, match=WRONG_KIND):
            unary(operation, value)
        return
    result = unary(operation, value)
    assert result is None or constant_kind(result) == kind


@pytest.mark.parametrize("operation", BinaryOperation)
@pytest.mark.parametrize(("left", "right"), list(product(EXAMPLES, EXAMPLES)), ids=repr)
def test_the_kind_of_an_operation_on_two_values(
    operation: BinaryOperation, left: Constant, right: Constant
) -> None:
    try:
        kind = binary_kind(operation, constant_kind(left), constant_kind(right))
    except KindError:
        # NULL beside a value that the operation does not take is NULL, and a mistake all the same.
        if None not in {left, right}:
            with pytest.raises(EvaluationError, match=WRONG_KIND):
                binary(operation, left, right)
        return
    try:
        result = binary(operation, left, right)
    except EvaluationError as error:
        assert error.sqlstate != WRONG_KIND  # noqa: PT017
        return
    assert result is None or kind is None or constant_kind(result) == kind


def test_of_what_is_not_known_nothing_is_refused() -> None:
    assert all(unary_kind(operation, None) or True for operation in UnaryOperation)
    assert binary_kind(BinaryOperation.ADD, None, Kind.INT) is None
    assert binary_kind(BinaryOperation.ADD, None, Kind.FLOAT) is Kind.FLOAT
    assert binary_kind(BinaryOperation.POW, Kind.INT, Kind.INT) is None


def test_what_two_have_in_common() -> None:
    assert common_kind(None, Kind.INT) is Kind.INT
    assert common_kind(None, None) is None
    with pytest.raises(KindError, match="one is an integer, the other a text"):
        common_kind(Kind.INT, Kind.TEXT)
    assert kind_name(None) == "a value of a kind that is not known"

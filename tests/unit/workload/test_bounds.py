from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.workload.bounds import combined, joined
from stormdb.workload.expressions import BinaryOperation as Op
from tests.support.reference import binary
from tests.support.reference_draws import EvaluationError

SMALL = st.integers(-50, 50)
SPANS = st.tuples(SMALL, SMALL).map(sorted).map(tuple)
POINTS = SMALL.map(lambda n: (n, n))
KNOWN = [Op.ADD, Op.SUB, Op.MUL, Op.MIN, Op.MAX, Op.FLOOR_DIV, Op.MOD]


@given(operation=st.sampled_from(KNOWN), left=SPANS, right=SPANS | POINTS, data=st.data())
def test_every_result_lies_within_the_bounds(
    operation: Op, left: tuple[int, int], right: tuple[int, int], data: st.DataObject
) -> None:
    bounds = combined(operation, left, right)
    if bounds is None:  # a division by what may be 0, or by several numbers
        assert operation in {Op.FLOOR_DIV, Op.MOD}
        return
    a, b = data.draw(st.integers(*left)), data.draw(st.integers(*right))
    try:
        result = binary(operation, a, b)
    except EvaluationError:
        return
    assert bounds[0] <= result <= bounds[1]


@pytest.mark.parametrize(
    ("operation", "left", "right", "bounds"),
    [
        (Op.ADD, (1, 9), (10, 20), (11, 29)),
        (Op.SUB, (1, 9), (10, 20), (-19, -1)),
        (Op.MUL, (-2, 3), (4, 5), (-10, 15)),
        (Op.FLOOR_DIV, (-7, 7), (2, 2), (-4, 3)),
        (Op.FLOOR_DIV, (-7, 7), (1, 2), None),
        (Op.MOD, (0, 99), (10, 10), (0, 9)),
        (Op.MOD, (3, 5), (10, 10), (3, 5)),
        (Op.MOD, (-1, 5), (10, 10), (0, 9)),
        (Op.MIN, (1, 9), (3, 5), (1, 5)),
        (Op.MAX, (1, 9), (3, 5), (3, 9)),
        (Op.BIT_XOR, (1, 9), (3, 5), None),
        (Op.ADD, None, (3, 5), None),
    ],
)
def test_known_bounds(
    operation: Op,
    left: tuple[int, int] | None,
    right: tuple[int, int],
    bounds: tuple[int, int] | None,
) -> None:
    assert combined(operation, left, right) == bounds


def test_one_or_the_other() -> None:
    assert joined((1, 3), (2, 9)) == (1, 9)
    assert joined((1, 3), None) is None

"""Expressions as people read them: brackets only where they are needed, long constants cut."""

from __future__ import annotations

import pytest

from stormdb.program.wording import Wording, constant
from stormdb.workload import distributions as d
from stormdb.workload import expressions as e
from stormdb.workload.expressions import BinaryOperation as Op
from stormdb.workload.expressions import Const, Slot, UnaryOperation
from stormdb.workload.functions import padded

A, B, C = Slot(0), Slot(1), Slot(2)
WORDING = Wording(("a", "b", "c"))


def two(operation: Op, left: e.Expression = A, right: e.Expression = B) -> e.Binary:
    return e.Binary(operation, left, right)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (two(Op.ADD), "a + b"),
        (two(Op.ADD, two(Op.ADD), C), "a + b + c"),
        (two(Op.ADD, A, two(Op.ADD)), "a + (a + b)"),
        (two(Op.SUB, two(Op.SUB), C), "(a - b) - c"),
        (two(Op.MUL, two(Op.ADD), C), "(a + b) * c"),
        (two(Op.EQ), "a = b"),
        (two(Op.NE), "a <> b"),
        (two(Op.AND, two(Op.AND, two(Op.GT), C), A), "(a > b) and c and a"),
        (two(Op.MAX, two(Op.MIN), C), "greatest(least(a, b), c)"),
        (two(Op.CONCAT, Const("it's"), A), "'it''s' || a"),
        (e.Unary(UnaryOperation.NEG, two(Op.ADD)), "-(a + b)"),
        (e.Unary(UnaryOperation.NOT, two(Op.LT)), "not (a < b)"),
        (e.Unary(UnaryOperation.IS_NULL, A), "a is null"),
        (e.Unary(UnaryOperation.SQRT, two(Op.ADD)), "sqrt(a + b)"),
        (e.Case(((two(Op.LT), A),), B), "case when a < b then a else b end"),
        (padded(A, 4), "pad(a, 4)"),
        (e.Table(0, A), "table 1[a]"),
        (e.Index(e.Array((A, two(Op.ADD))), Const(0)), "[a, a + b][0]"),
        (e.Permute(size=Const(9), seed=0, value=A), "permute(a, size 9)"),
        (e.Permute(size=Const(9), seed=7, value=A), "permute(a, size 9, seed 7)"),
        (e.Hash(value=A, seed=3), "hash(a, seed 3)"),
        (two(Op.ADD, e.Sequence(), Const(1)), "number of the transaction + 1"),
        (e.Draw(0, d.Uniform(low=Const(1), high=A)), "uniform 1 to a"),
        (two(Op.ADD, e.Draw(0, d.Uniform(low=Const(1), high=A)), B), "<uniform 1 to a> + b"),
        (e.Draw(0, d.Text(min=Const(5), max=Const(5), alphabet="ab")), "text of 5 characters of"),
        (e.Draw(0, d.Vector(dimensions=3, is_normalised=False)), "vector of 3 dimensions"),
        (
            e.Draw(0, d.Choice(weights=(1.0,) * 9, values=(A,) * 9)),
            "one of a 11.1 %, a 11.1 %, a 11.1 %, a 11.1 %, a 11.1 %, a 11.1 %, … 3 more",
        ),
    ],
)
def test_expressions(expression: e.Expression, text: str) -> None:
    assert WORDING.of(expression).startswith(text)
    if not text.endswith("of"):
        assert WORDING.of(expression) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (-3, "-3"),
        (0.1, "0.1"),
        ("a\nb", "'a\\nb'"),
        ("x" * 70, f"'{'x' * 60}…'"),
        (b"\x00\xff", "'\\x00ff'"),
        (bytes(40), f"'\\x{'0' * 60}…'"),
        ((1, "a", None), "[1, 'a', NULL]"),
        (tuple(range(9)), "[0, 1, 2, 3, 4, 5, … 3 more]"),
    ],
)
def test_constants(value: e.Constant, text: str) -> None:
    assert constant(value) == text

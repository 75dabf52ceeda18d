"""Expressions with their values: what the engine must compute.

A program of one transaction sets one variable after the other; a value that cannot be computed is
an SQLSTATE, and leaves NULL.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any

from stormdb.program import Program, Transaction
from stormdb.program.wording import Wording
from stormdb.workload import distributions as d
from stormdb.workload import expressions as e
from stormdb.workload.expressions import BinaryOperation as Op
from stormdb.workload.expressions import Const, Constant, Draw
from stormdb.workload.expressions import UnaryOperation as One
from stormdb.workload.steps import Let, Step
from tests.support.reference import Evaluator
from tests.support.reference_draws import Draws, EvaluationError

DRAWS = Draws(seed=42, row=0, index=1234)
TABLES: tuple[tuple[Constant, ...], ...] = ((10, 20, None), ("a", "ä", ""))

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
INTS = (0, 1, -1, 2, 7, -7, 63, 64, 2**53 + 1, INT_MAX, INT_MIN)
FLOATS = (0.0, -0.0, 1.0, -1.5, 2.5, 0.1, 1e-5, 1e15, 1e300, 5e-324, math.inf, -math.inf, math.nan)
TEXTS = ("", "a", "B", "ä", "é€", " 12 ", "-3", "1e2", 'x"y\\z', "9223372036854775808")
OTHERS = (None, True, False, b"", b"\x00\xff", b"abc", (), (1, 2, 3), (1.5, None), ("a", 'b"'))
CONSTANTS: tuple[Constant, ...] = (*INTS, *FLOATS, *TEXTS, *OTHERS)
# Libraries round these differently; where the result is exact they agree.
ROUNDED = {One.LN: (1, 1.0), One.EXP: (0, 0.0, -math.inf, math.inf, 1e300)}


def expressions() -> list[e.Expression]:
    """Each operation on many constants, each draw that is exact, and random trees of them."""
    random = Random(7)
    found: list[e.Expression] = []
    for operation in One:
        operands = ROUNDED.get(operation, CONSTANTS)
        found += [e.Unary(operation, Const(value)) for value in operands]
    for operation in Op:
        pairs = [(a, b) for a in CONSTANTS for b in CONSTANTS if _is_exact(operation, a, b)]
        found += [e.Binary(operation, Const(a), Const(b)) for a, b in random.sample(pairs, 25)]
    found += _structures()
    found += [_tree(random, 3) for _ in range(100)]
    return [*found, *_draws()]


def _is_exact(operation: Op, left: Constant, right: Constant) -> bool:
    are_floats = isinstance(left, float) or isinstance(right, float)
    if operation is not Op.POW:
        return True
    is_small = isinstance(right, int) and 0 <= right <= 2
    return not are_floats and (is_small or left in {0, 1, -1, 2})


def _structures() -> list[e.Expression]:
    yes, no, null, word = Const(value=True), Const(value=False), Const(None), Const("a")
    array = e.Array((Const(1), null, e.Binary(Op.ADD, Const(1), Const(2))))
    return [
        e.Case(((no, Const(1)), (null, Const(2))), Const(3)),
        e.Case(((no, Const(1)), (yes, Const(2))), Const(3)),
        e.Case(((Const(1), Const(1)),), Const(3)),
        e.Case(((yes, word),), e.Binary(Op.DIV, Const(1), Const(0))),
        *(e.Table(0, Const(index)) for index in (0, 2, 3, -1, None, 1.0)),
        e.Table(1, Const(1)),
        array,
        e.Unary(One.TEXT, array),
        *(e.Index(array, Const(index)) for index in (0, 1, 2, 3, None)),
        e.Index(null, Const(0)),
        e.Index(word, Const(0)),
        e.Sequence(),
        *(e.Hash(value=Const(value), seed=seed) for value, seed in ((10, 5432), (INT_MIN, -1))),
        e.Hash(value=null, seed=0),
        e.Hash(value=word, seed=0),
        *(
            e.Permute(size=Const(size), seed=seed, value=Const(value))
            for size, seed, value in (
                (10, 0, 3),
                (1000, 7, 999),
                (1, 0, 5),
                (0, 0, 5),
                (2**62, -1, 12345),
                (100, 3, -1),
            )
        ),
    ]


def _draws() -> list[e.Expression]:
    def c(value: Constant) -> Const:
        return Const(value)

    letters = tuple(map(Const, "abc"))
    distributions: list[d.Distribution] = [
        *(d.Uniform(low=c(low), high=c(high)) for low, high in ((1, 6), (INT_MIN, INT_MAX))),
        d.Uniform(low=c(5), high=c(5)),
        d.Uniform(low=c(6), high=c(5)),
        d.Uniform(low=c(None), high=c(5)),
        d.Uniform(low=c(1.0), high=c(5)),
        d.UniformFloat(low=c(0), high=c(1)),
        d.UniformFloat(low=c(-2.5), high=c(100)),
        d.UniformFloat(low=c(2), high=c(1)),
        d.UniformFloat(low=c(2), high=c(2)),
        *(d.Exponential(low=c(1), high=c(1000), decay=decay) for decay in (0.5, 5.0, 20.0)),
        d.Nurand(a=255, c=17, low=c(0), high=c(999)),
        d.Nurand(a=8191, c=8000, low=c(1), high=c(100000)),
        d.Choice(weights=(1.0, 2.0, 0.0), values=letters),
        d.Choice(weights=(0.0, 0.0, 5.0), values=letters),
        d.Choice(weights=(0.1, 0.2, 0.7), values=letters),
        d.Pattern("##-??-**-x"),
        d.Text(min=c(3), max=c(9), alphabet="abcdefgh"),
        d.Text(min=c(-1), max=c(-1), alphabet="a"),
        d.Text(min=c(3), max=c(2), alphabet="a"),
        d.Bytes(length=c(40)),
        d.Uuid(),
    ]
    return [Draw(number, one) for number, one in enumerate(distributions)]


def _tree(random: Random, depth: int) -> e.Expression:
    """A tree of integers, of which a part fails."""
    if depth == 0 or random.random() < 0.2:
        return Const(random.choice([*range(-3, 8), INT_MAX, None, 2.0]))
    operations = [Op.ADD, Op.SUB, Op.MUL, Op.FLOOR_DIV, Op.MOD, Op.MIN, Op.MAX, Op.BIT_XOR]
    left, right = _tree(random, depth - 1), _tree(random, depth - 1)
    if random.random() < 0.2:
        condition = e.Binary(random.choice([Op.LT, Op.EQ, Op.GE]), left, right)
        return e.Case(((condition, left),), _tree(random, depth - 1))
    return e.Binary(random.choice(operations), left, right)


def program() -> Program:
    """The expressions as a program."""
    found = expressions()
    steps = tuple(
        Step(place=f"evaluations:{slot}", do=Let(slot=slot, value=one))
        for slot, one in enumerate(found)
    )
    transaction = Transaction(
        name="evaluations",
        weight=1,
        place="evaluations:0",
        slots=tuple(f"v{slot}" for slot in range(len(found))),
        draws=sum(isinstance(one, Draw) for one in found),
        steps=steps,
    )
    return Program(
        mix="sampled", transactions=(transaction,), statements=(), tables=TABLES, metrics=()
    )


def outcomes(program: Program) -> list[dict[str, Any]]:
    """The values of a program's variables as JSON has them, floats as texts."""
    slots: list[Constant] = [None] * len(program.transactions[0].slots)
    wording = Wording(program.transactions[0].slots)
    found = []
    for step in program.transactions[0].steps:
        assert isinstance(step.do, Let)
        shown = {"of": wording.of(step.do.value)}
        try:
            value = Evaluator(slots, program.tables, DRAWS).value(step.do.value)
        except EvaluationError as error:
            found.append(shown | {"error": error.sqlstate})
        else:
            slots[step.do.slot] = value
            found.append(shown | tagged(value))
    return found


def tagged(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    """A value with its kind, for 1, 1.0 and true must not be confused."""
    match value:
        case None:
            return {"null": None}
        case bool():
            return {"bool": value}
        case int():
            return {"int": value}
        case float():
            return {"float": repr(value)}
        case str():
            return {"text": value}
        case bytes():
            return {"bytes": value.hex()}
    return {"array": [tagged(item) for item in value]}

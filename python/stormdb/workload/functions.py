"""Functions of values: choosing, converting, building texts, looking up, spreading."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from stormdb.workload.bounds import INT_MAX, INT_MIN, joined
from stormdb.workload.constants import checked_constant
from stormdb.workload.expressions import (
    Binary,
    BinaryOperation,
    Case,
    Const,
    Constant,
    Draw,
    Expression,
    Hash,
    Kind,
    Permute,
    Slot,
    Unary,
    UnaryOperation,
    walk,
)
from stormdb.workload.expressions import Sequence as SequenceNode
from stormdb.workload.expressions import Table as TableNode
from stormdb.workload.kinds import KindError, common_kind, constant_kind
from stormdb.workload.places import problem
from stormdb.workload.steps import Let
from stormdb.workload.trace import current_trace
from stormdb.workload.values import (
    Value,
    argument,
    as_value,
    binary,
    common_kind_of,
    derived,
    unary,
    variable,
)

__all__ = [
    "Table",
    "case",
    "cast",
    "exp",
    "greatest",
    "hash_of",
    "least",
    "length",
    "ln",
    "once",
    "pad",
    "permute",
    "sequence",
    "sqrt",
    "table",
    "text",
]

_MAX_DIGITS = 18
_MAX_ENTRIES = 1_000_000


def case(*arms: tuple[object, object], otherwise: object = None) -> Value:
    """The value of the first condition that is true: `case((n > 9, "many"), otherwise="few")`.

    Args:
        arms: pairs of a condition and a value, at least one; values of one kind.
        otherwise: the value if no condition is true; NULL unless given.
    """
    if not arms or not all(isinstance(arm, tuple) and len(arm) == 2 for arm in arms):
        raise problem(
            "case: at least one pair of a condition and a value must be given",
            hint='write case((n > 9, "many"), otherwise="few")',
        )
    pairs = [
        (argument("case", "the condition", condition, Kind.BOOL), as_value(value))
        for condition, value in arms
    ]
    last = as_value(otherwise)
    results = [*(value for _, value in pairs), last]
    kind = common_kind_of(results, "case: the values must be of one kind")
    bounds = functools.reduce(joined, (result.bounds for result in results))
    expression = Case(
        tuple((condition.expression, value.expression) for condition, value in pairs),
        last.expression,
    )
    operands = [*(condition for condition, _ in pairs), *results]
    return derived(expression, operands, kind, bounds if kind is Kind.INT else None)


def cast(value: object, type: type[int] | type[float] | type[str]) -> Value:  # noqa: A002
    """The value as an integer (a float is rounded, halves to even), as a float or as a text.

    A text that is no number fails the transaction.
    """
    operations = {int: UnaryOperation.INT, float: UnaryOperation.FLOAT, str: UnaryOperation.TEXT}
    if type not in operations:
        raise problem(
            f"cast: {getattr(type, '__name__', repr(type))} is no type that a value can be cast to",
            hint="int, float and str are; a comparison such as `value != 0` makes a condition",
        )
    return unary(operations[type], value)


def text(*parts: object) -> Value:
    """The parts as PostgreSQL prints them, joined: `text("user", n, "@example.com")`.

    NULL among them makes the whole NULL.
    """
    texts = [
        part if part.kind is Kind.TEXT else unary(UnaryOperation.TEXT, part)
        for part in map(as_value, parts)
    ]
    if not texts:
        raise problem("text: there is nothing to build a text of")
    result = texts[0]
    for part in texts[1:]:
        result = binary(BinaryOperation.CONCAT, result, part)
    return result


def pad(value: object, width: int) -> Value:
    """A non-negative integer as text, with zeros in front up to a width: `pad(7, 3)` is 007.

    Args:
        value: the integer; one with more digits is not cut.
        width: least number of digits, 1 to 18.
    """
    if not isinstance(width, int) or not 1 <= width <= _MAX_DIGITS:
        raise problem(f"pad: the width is {width!r}, it must be a number from 1 to {_MAX_DIGITS}")
    number = once(argument("pad", "the value", value, Kind.INT))
    return derived(padded(number.expression, width), (number,), Kind.TEXT)


def padded(number: Expression, width: int) -> Expression:
    """The text of an integer with zeros in front."""
    digits = Unary(UnaryOperation.TEXT, number)

    def after(zeros: int) -> Expression:
        return Binary(BinaryOperation.CONCAT, Const("0" * zeros), digits) if zeros else digits

    arms = tuple(
        (Binary(BinaryOperation.GE, number, Const(10 ** (width - 1 - zeros))), after(zeros))
        for zeros in range(width - 1)
    )
    return Case(arms, after(width - 1)) if arms else digits


def once(value: object) -> Value:
    """A value that can be used many times: what is random in it is drawn here and only once.

    `tx.let` does the same and gives it a name.
    """
    found = as_value(value)
    if isinstance(found.expression, Const | Slot):
        return found
    trace = current_trace("once()")
    expression = trace.use(found)
    slot = trace.set_new("value", found.kind, found.bounds)
    trace.record(Let(slot=slot, value=expression))
    if any(isinstance(node, Draw) for node in walk(expression)):
        trace.drawn_once.add(slot)
    return variable(slot, found.kind, trace)


def least(*values: object) -> Value:
    """The smallest of several numbers, or texts; NULL if one of them is."""
    return _fold("least", BinaryOperation.MIN, values)


def greatest(*values: object) -> Value:
    """The largest of several numbers, or texts; NULL if one of them is."""
    return _fold("greatest", BinaryOperation.MAX, values)


def length(value: object) -> Value:
    """Characters of a text, bytes of bytes, or elements of an array."""
    return unary(UnaryOperation.LENGTH, value)


def sqrt(value: object) -> Value:
    """Square root; of a negative number it fails the transaction."""
    return unary(UnaryOperation.SQRT, value)


def ln(value: object) -> Value:
    """Natural logarithm; of a number that is not above 0 it fails the transaction."""
    return unary(UnaryOperation.LN, value)


def exp(value: object) -> Value:
    """Exponential function."""
    return unary(UnaryOperation.EXP, value)


def permute(value: object, size: object, *, seed: int = 0) -> Value:
    """Where a fixed shuffle of 0 … size-1 takes `value % size`.

    Spreads frequent ranks over all keys: `permute(zipf(n, skew=1.1), n)`.

    Args:
        value: an integer.
        size: how many values are shuffled, an integer >= 1.
        seed: which of the shuffles.
    """
    number, count = (
        argument("permute", "the value", value, Kind.INT),
        argument("permute", "size", size, Kind.INT),
    )
    if count.bounds and count.bounds[1] < 1:
        raise problem(f"permute: size is {count.bounds[1]}, it must be at least 1")
    node = Permute(size=count.expression, seed=_seed("permute", seed), value=number.expression)
    bounds = (0, count.bounds[1] - 1) if count.bounds else None
    return derived(node, (count, number), Kind.INT, bounds)


def hash_of(value: object, *, seed: int = 0) -> Value:
    """64-bit hash of an integer, of either sign: pgbench's `hash_murmur2`.

    Args:
        value: an integer.
        seed: which of the hashes.
    """
    number = argument("hash_of", "the value", value, Kind.INT)
    node = Hash(value=number.expression, seed=_seed("hash_of", seed))
    return derived(node, (number,), Kind.INT, (INT_MIN, INT_MAX))


def sequence() -> Value:
    """Number of the transaction in the run: 0, 1, 2 …, unique over all threads.

    The same throughout a transaction, and in its retries. A run begins at 0 again: add what the
    table already has, or rebuild the data.
    """
    trace = current_trace("sequence()")
    return Value(SequenceNode(), kind=Kind.INT, bounds=(0, INT_MAX), trace=trace)


class Table:
    """A list of constants that values look up in: `NAMES[uniform(0, len(NAMES) - 1)]`.

    Made by `table`, which can stand anywhere, outside of transactions too.
    """

    def __init__(self, values: tuple[Constant, ...], kind: Kind | None) -> None:
        self._values = values
        self._kind = kind

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: object) -> Value:
        position = argument("table", "the index", index, Kind.INT)
        bounds = position.bounds
        if bounds and not (bounds[0] >= 0 and bounds[1] < len(self)):
            raise problem(
                f"table: the index lies between {bounds[0]} and {bounds[1]}, the entries are "
                f"numbered from 0 to {len(self) - 1}",
                hint="uniform(0, len(TABLE) - 1) draws from all entries",
            )
        trace = current_trace("the look-up in a table")
        ints = [value for value in self._values if isinstance(value, int)]
        is_int = self._kind is Kind.INT and len(ints) == len(self)
        expression: Expression = TableNode(trace.parts.table(self._values), position.expression)
        value = derived(
            expression, (position,), self._kind, (min(ints), max(ints)) if is_int else None
        )
        value.trace = trace
        return value


def table(values: Sequence[object]) -> Table:
    """A table to look up in.

    Args:
        values: at least one constant, all of one kind or None.
    """
    if any(isinstance(value, Value) for value in values):
        raise problem(
            "table: a table holds constants only", hint="choice([…]) chooses among values"
        )
    constants = tuple(checked_constant(value) for value in values)
    if not constants:
        raise problem("table: there are no entries")
    if len(constants) > _MAX_ENTRIES:
        raise problem(
            f"table: there are {len(constants)} entries, at most {_MAX_ENTRIES} are possible",
            hint="keep them in a table of the database",
        )
    kind = None
    for constant in constants:
        try:
            kind = common_kind(kind, constant_kind(constant))
        except KindError as error:
            raise problem(f"table: the entries must be of one kind, and here {error}") from None
    return Table(constants, kind)


def _fold(function: str, operation: BinaryOperation, values: Sequence[object]) -> Value:
    if not values:
        raise problem(f"{function}: there are no values")
    result = as_value(values[0])
    for value in values[1:]:
        result = binary(operation, result, value)
    return result


def _seed(function: str, seed: int) -> int:
    constant = checked_constant(seed)
    if isinstance(constant, bool) or not isinstance(constant, int):
        raise problem(f"{function}: the seed is {seed!r}, it must be an integer")
    return constant

"""What a value of a program is computed from: the nodes of its expressions.

A node travels as it is constructed: fields that are given by name as a map, fields that are given
by position as a list, a single one alone, none as the bare name. `ir.rs` has the same nodes, with
the same names, and says what each of them means.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from stormdb.workload.distributions import Distribution

__all__ = [
    "Array",
    "Binary",
    "BinaryOperation",
    "Case",
    "Const",
    "Constant",
    "Draw",
    "Expression",
    "Hash",
    "Index",
    "Kind",
    "Permute",
    "Sequence",
    "Slot",
    "Table",
    "Unary",
    "UnaryOperation",
    "walk",
]

Constant: TypeAlias = "bool | int | float | str | bytes | tuple[Constant, ...] | None"
"""A value that is known when the program is made; integers have 64 bits."""


class Kind(StrEnum):
    """Kind of a value. A captured column is never an array."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    TEXT = "text"
    BYTES = "bytes"
    ARRAY = "array"


class UnaryOperation(StrEnum):
    """Operation on one value."""

    NEG = "neg"
    NOT = "not"
    ABS = "abs"
    INT = "int"
    FLOAT = "float"
    TEXT = "text"
    IS_NULL = "is_null"
    FLOOR = "floor"
    CEIL = "ceil"
    SQRT = "sqrt"
    LN = "ln"
    EXP = "exp"
    LENGTH = "length"


class BinaryOperation(StrEnum):
    """Operation on two values."""

    ADD = "add"
    SUB = "sub"
    MUL = "mul"
    DIV = "div"
    FLOOR_DIV = "floor_div"
    MOD = "mod"
    POW = "pow"
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    AND = "and"
    OR = "or"
    MIN = "min"
    MAX = "max"
    CONCAT = "concat"
    BIT_AND = "bit_and"
    BIT_OR = "bit_or"
    BIT_XOR = "bit_xor"
    SHIFT_LEFT = "shift_left"
    SHIFT_RIGHT = "shift_right"


@dataclass(frozen=True, slots=True)
class Const:
    """A constant."""

    value: Constant


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable of the transaction, by number."""

    number: int


@dataclass(frozen=True, slots=True)
class Unary:
    """An operation on one value."""

    operation: UnaryOperation
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """An operation on two values."""

    operation: BinaryOperation
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first condition that is true, else the last."""

    arms: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class Table:
    """Entry of a table of the program, from 0; an index outside fails the transaction."""

    table: int
    index: Expression


@dataclass(frozen=True, slots=True)
class Array:
    """An array of values of one kind."""

    elements: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """Entry of an array, from 0; an index outside fails the transaction."""

    array: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Draw:
    """A random value. Its number, unique in the transaction, decides it with the seed."""

    number: int
    distribution: Distribution


@dataclass(frozen=True, slots=True, kw_only=True)
class Permute:
    """Where a bijection of `0 .. size` onto itself takes `value % size`."""

    size: Expression
    seed: int
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Hash:
    """64-bit hash of an integer (murmur2, as pgbench has it)."""

    value: Expression
    seed: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Number of the transaction in the run, from 0: unique and without gaps over all threads."""


Expression: TypeAlias = (
    Const | Slot | Unary | Binary | Case | Table | Array | Index | Draw | Permute | Hash | Sequence
)


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and all that it is computed from, in order."""
    yield expression
    holder = expression.distribution if isinstance(expression, Draw) else expression
    for field in fields(holder):
        for child in _expressions(getattr(holder, field.name)):
            yield from walk(child)


def _expressions(value: object) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)

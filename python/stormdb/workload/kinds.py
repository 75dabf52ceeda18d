"""Which operations take which kinds of values, and of which kind the result is.

None stands for a kind that is not known before the transaction runs, and goes with every other.
"""

from __future__ import annotations

from stormdb.workload.expressions import BinaryOperation, Kind, UnaryOperation

__all__ = [
    "SYMBOLS",
    "UNARY_SYMBOLS",
    "KindError",
    "binary_kind",
    "common_kind",
    "constant_kind",
    "kind_name",
    "unary_kind",
]

SYMBOLS = {
    BinaryOperation.ADD: "+",
    BinaryOperation.SUB: "-",
    BinaryOperation.MUL: "*",
    BinaryOperation.DIV: "/",
    BinaryOperation.FLOOR_DIV: "//",
    BinaryOperation.MOD: "%",
    BinaryOperation.POW: "**",
    BinaryOperation.EQ: "==",
    BinaryOperation.NE: "!=",
    BinaryOperation.LT: "<",
    BinaryOperation.LE: "<=",
    BinaryOperation.GT: ">",
    BinaryOperation.GE: ">=",
    BinaryOperation.AND: "&",
    BinaryOperation.OR: "|",
    BinaryOperation.MIN: "least()",
    BinaryOperation.MAX: "greatest()",
    BinaryOperation.CONCAT: "+",
    BinaryOperation.BIT_AND: "&",
    BinaryOperation.BIT_OR: "|",
    BinaryOperation.BIT_XOR: "^",
    BinaryOperation.SHIFT_LEFT: "<<",
    BinaryOperation.SHIFT_RIGHT: ">>",
}
"""How an author writes an operation on two values."""

UNARY_SYMBOLS = {
    UnaryOperation.NEG: "-",
    UnaryOperation.NOT: "~",
    UnaryOperation.ABS: "abs()",
    UnaryOperation.INT: "cast(…, int)",
    UnaryOperation.FLOAT: "cast(…, float)",
    UnaryOperation.TEXT: "text()",
    UnaryOperation.IS_NULL: "is_null()",
    UnaryOperation.FLOOR: "floor()",
    UnaryOperation.CEIL: "ceil()",
    UnaryOperation.SQRT: "sqrt()",
    UnaryOperation.LN: "ln()",
    UnaryOperation.EXP: "exp()",
    UnaryOperation.LENGTH: "length()",
}
"""How an author writes an operation on one value."""

_NAMES = {
    None: "a value of a kind that is not known",
    Kind.BOOL: "a boolean",
    Kind.INT: "an integer",
    Kind.FLOAT: "a float",
    Kind.TEXT: "a text",
    Kind.BYTES: "bytes",
    Kind.ARRAY: "an array",
}
_NUMBERS = {Kind.INT, Kind.FLOAT}
_ORDERED = {Kind.BOOL, Kind.TEXT, Kind.BYTES}
_O = BinaryOperation
_ARITHMETIC = {_O.ADD, _O.SUB, _O.MUL, _O.DIV, _O.FLOOR_DIV, _O.MOD, _O.POW}
_COMPARISONS = {_O.EQ, _O.NE, _O.LT, _O.LE, _O.GT, _O.GE}
_UNARY = {
    UnaryOperation.NEG: _NUMBERS,
    UnaryOperation.ABS: _NUMBERS,
    UnaryOperation.NOT: {Kind.BOOL},
    UnaryOperation.INT: {Kind.INT, Kind.FLOAT, Kind.BOOL, Kind.TEXT},
    UnaryOperation.FLOAT: {Kind.INT, Kind.FLOAT, Kind.TEXT},
    UnaryOperation.TEXT: set(Kind),
    UnaryOperation.IS_NULL: set(Kind),
    UnaryOperation.FLOOR: _NUMBERS,
    UnaryOperation.CEIL: _NUMBERS,
    UnaryOperation.SQRT: _NUMBERS,
    UnaryOperation.LN: _NUMBERS,
    UnaryOperation.EXP: _NUMBERS,
    UnaryOperation.LENGTH: {Kind.TEXT, Kind.BYTES, Kind.ARRAY},
}
_UNARY_RESULTS = {
    UnaryOperation.NOT: Kind.BOOL,
    UnaryOperation.INT: Kind.INT,
    UnaryOperation.TEXT: Kind.TEXT,
    UnaryOperation.IS_NULL: Kind.BOOL,
    UnaryOperation.LENGTH: Kind.INT,
}


class KindError(ValueError):
    """An operation on kinds that it does not take; the text says which."""


def kind_name(kind: Kind | None) -> str:
    """A kind for people, with its article."""
    return _NAMES[kind]


def constant_kind(value: object) -> Kind | None:
    """Kind of a constant."""
    if value is None:
        return None
    for kind, types in (
        (Kind.BOOL, bool),  # first: a bool is an int, too
        (Kind.INT, int),
        (Kind.FLOAT, float),
        (Kind.TEXT, str),
        (Kind.BYTES, bytes),
    ):
        if isinstance(value, types):
            return kind
    return Kind.ARRAY


def common_kind(left: Kind | None, right: Kind | None) -> Kind | None:
    """The kind of a value that is one or the other; NULL has any.

    Raises:
        KindError: there is none.
    """
    if left is None or right is None or left == right:
        return left or right
    raise KindError(f"one is {kind_name(left)}, the other {kind_name(right)}")


def unary_kind(operation: UnaryOperation, operand: Kind | None) -> Kind | None:
    """Kind of the result.

    Raises:
        KindError: the operation does not take such an operand.
    """
    if operand is not None and operand not in _UNARY[operation]:
        raise KindError(f"does not take {kind_name(operand)}")
    if operation in {UnaryOperation.NEG, UnaryOperation.ABS}:
        return operand
    return _UNARY_RESULTS.get(operation, Kind.FLOAT)


def binary_kind(operation: BinaryOperation, left: Kind | None, right: Kind | None) -> Kind | None:
    """Kind of the result; of an integer to a power it is not known, for it may be negative.

    Raises:
        KindError: the operation does not take such operands.
    """
    kinds = {left, right} - {None}
    if operation in _COMPARISONS:
        is_taken = kinds <= _NUMBERS or (len(kinds) == 1 and kinds <= _ORDERED)
        result: Kind | None = Kind.BOOL
    elif operation in {_O.MIN, _O.MAX}:
        is_taken = kinds <= _NUMBERS or (len(kinds) == 1 and kinds <= _ORDERED)
        result = _number(left, right) if kinds <= _NUMBERS else left or right
    elif operation in _ARITHMETIC:
        is_taken, result = kinds <= _NUMBERS, _number(left, right)
        if operation is _O.DIV:
            result = Kind.FLOAT
        elif operation is _O.POW and result is Kind.INT:
            result = None
    else:
        taken = {
            _O.AND: Kind.BOOL,
            _O.OR: Kind.BOOL,
            _O.CONCAT: Kind.TEXT,
        }.get(operation, Kind.INT)
        is_taken, result = kinds <= {taken}, taken
    if not is_taken:
        raise KindError(f"does not take {kind_name(left)} and {kind_name(right)}")
    return result


def _number(left: Kind | None, right: Kind | None) -> Kind | None:
    """Kind of a number that is computed from two: an integer and a float make a float."""
    if Kind.FLOAT in {left, right}:
        return Kind.FLOAT
    return Kind.INT if left is right is Kind.INT else None

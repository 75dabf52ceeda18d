"""What expressions of a program mean, in plain Python: a second opinion on the engine.

Written after the comments of the engine's `ir.rs`. Zipf, gaussian and vector draws follow the
algorithm of a library, which is not repeated here: they are compared by their statistics.
"""

# ruff: noqa: PLR0911, PLR0912 - one case for each node and operation

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from stormdb.workload import distributions as d
from stormdb.workload import expressions as e
from stormdb.workload.expressions import BinaryOperation as Op
from stormdb.workload.expressions import Constant, UnaryOperation
from tests.support.reference_draws import (
    DIVISION_BY_ZERO,
    INT_MAX,
    INT_MIN,
    OUT_OF_RANGE,
    OUTSIDE,
    PATTERN,
    UUID,
    WRONG_ARGUMENT,
    WRONG_KIND,
    Draws,
    EvaluationError,
    Words,
    checked,
    exponential,
    hash_of,
    nurand,
    permute,
    wrapped,
)


class Evaluator:
    """Evaluates the expressions of one transaction.

    Args:
        slots: values of its variables.
        tables: of its program.
        draws: its random values.
    """

    def __init__(
        self,
        slots: Sequence[Constant] = (),
        tables: Sequence[Sequence[Constant]] = (),
        draws: Draws | None = None,
    ) -> None:
        self._slots = slots
        self._tables = tables
        self._draws = draws or Draws()

    def value(self, node: e.Expression) -> Any:
        """The value of an expression.

        Raises:
            EvaluationError: it has none.
        """
        match node:
            case e.Const(value):
                return value
            case e.Slot(number):
                return self._slots[number]
            case e.Unary(operation, operand):
                return unary(operation, self.value(operand))
            case e.Binary(operation, left, right):
                return binary(operation, self.value(left), self.value(right))
            case e.Case(arms, otherwise):
                for condition, result in arms:
                    if self._is_true(condition):
                        return self.value(result)
                return self.value(otherwise)
            case e.Table(table, index):
                return entry(self._tables[table], self._integer(index))
            case e.Array(elements):
                return tuple(self.value(element) for element in elements)
            case e.Index(array, index):
                values, position = self.value(array), self._integer(index)
                if values is not None and not isinstance(values, tuple):
                    raise EvaluationError(WRONG_KIND)
                return None if values is None else entry(values, position)
            case e.Draw(number, distribution):
                return self._draw(self._draws.words(number), distribution)
            case e.Permute():
                size, value = self._integer(node.size), self._integer(node.value)
                return None if None in {size, value} else permute(value, size, node.seed)
            case e.Hash():
                value = self._integer(node.value)
                return None if value is None else hash_of(value, node.seed)
            case e.Sequence():
                return self._draws.index

    def _is_true(self, node: e.Expression) -> bool:
        value = self.value(node)
        if value is not None and not isinstance(value, bool):
            raise EvaluationError(WRONG_KIND)
        return bool(value)

    def _integer(self, node: e.Expression) -> Any:
        value = self.value(node)
        if value is not None and not is_int(value):
            raise EvaluationError(WRONG_KIND)
        return value

    def _range(self, low: e.Expression, high: e.Expression) -> tuple[int, int] | None:
        bounds = self._integer(low), self._integer(high)
        if None in bounds:
            return None
        if bounds[1] < bounds[0]:
            raise EvaluationError(WRONG_ARGUMENT)
        return bounds

    def _draw(self, words: Words, one: d.Distribution) -> Any:
        match one:
            case d.Uniform():
                bounds = self._range(one.low, one.high)
                return None if bounds is None else words.integer(*bounds)
            case d.UniformFloat():
                low, high = self.value(one.low), self.value(one.high)
                if not all(end is None or is_number(end) for end in (low, high)):
                    raise EvaluationError(WRONG_KIND)
                return None if None in {low, high} else words.between(float(low), float(high))
            case d.Exponential():
                bounds = self._range(one.low, one.high)
                return None if bounds is None else exponential(words, *bounds, one.decay)
            case d.Nurand():
                bounds = self._range(one.low, one.high)
                return None if bounds is None else nurand(words, one.a, one.c, *bounds)
            case d.Choice():
                point, total, reached = words.unit(), sum(one.weights), 0.0
                last = max(i for i, weight in enumerate(one.weights) if weight > 0)
                for weight, value in zip(one.weights[:last], one.values, strict=False):
                    reached += weight
                    if reached / total > point:
                        return self.value(value)
                return self.value(one.values[last])
            case d.Pattern(pattern):
                return words.filled(pattern, PATTERN)
            case d.Uuid():
                return words.filled("xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx", UUID)
            case d.Text():
                bounds = self._range(one.min, one.max)
                if bounds is None:
                    return None
                return words.characters(one.alphabet, length(words.integer(*bounds)))
            case d.Bytes():
                bounds = self._range(one.length, one.length)
                if bounds is None:
                    return None
                return bytes(words.up_to(255) for _ in range(length(bounds[0])))
        raise NotImplementedError(f"{type(one).__name__} follows the algorithm of a library")


def unary(operation: UnaryOperation, value: Any) -> Any:
    """An operation on one value; NULL gives NULL."""
    if operation is UnaryOperation.IS_NULL:
        return value is None
    if value is None:
        return None
    if operation is UnaryOperation.TEXT:
        return value if isinstance(value, str) else text_of(value)
    if operation is UnaryOperation.LENGTH and isinstance(value, str | bytes | tuple):
        return len(value)
    if operation is UnaryOperation.NOT and isinstance(value, bool):
        return not value
    if operation is UnaryOperation.INT and isinstance(value, bool):
        return int(value)
    if operation in {UnaryOperation.INT, UnaryOperation.FLOAT} and isinstance(value, str):
        return parsed(value, operation)
    if not is_number(value):
        raise EvaluationError(WRONG_KIND)
    return _of_number(operation, value)


def _of_number(operation: UnaryOperation, value: Any) -> Any:
    match operation:
        case UnaryOperation.NEG:
            return checked(-value)
        case UnaryOperation.ABS:
            return checked(abs(value))
        case UnaryOperation.INT:
            if not math.isfinite(value):
                raise EvaluationError(OUT_OF_RANGE)
            return checked(round(value))
        case UnaryOperation.FLOAT:
            return float(value)
        case UnaryOperation.FLOOR | UnaryOperation.CEIL:
            value = float(value)
            rounded = math.floor if operation is UnaryOperation.FLOOR else math.ceil
            return math.copysign(float(rounded(value)), value) if math.isfinite(value) else value
        case UnaryOperation.SQRT if value >= 0:
            return math.sqrt(value)
        case UnaryOperation.LN if value > 0:
            return math.log(value)
        case UnaryOperation.SQRT | UnaryOperation.LN:
            raise EvaluationError(WRONG_ARGUMENT)
        case UnaryOperation.EXP:
            return limitless(math.exp, value)
    raise EvaluationError(WRONG_KIND)


def binary(operation: Op, left: Any, right: Any) -> Any:
    """An operation on two values; NULL gives NULL, but for `and` and `or` as in SQL."""
    if operation in {Op.AND, Op.OR}:
        return logical(operation, left, right)
    if left is None or right is None:
        return None
    if is_int(left) and is_int(right):
        return of_integers(operation, left, right)
    if isinstance(left, str) and isinstance(right, str) and operation is Op.CONCAT:
        return left + right
    if is_number(left) and is_number(right):
        return of_floats(operation, float(left), float(right))
    if type(left) is not type(right) or isinstance(left, tuple):
        raise EvaluationError(WRONG_KIND)
    if isinstance(left, str):
        return compared(operation, left, right, left.encode(), right.encode())
    return compared(operation, left, right, left, right)


def logical(operation: Op, left: Any, right: Any) -> Any:
    """`and` and `or`: one side can decide alone, else NULL wins."""
    for side in (left, right):
        if side is not None and not isinstance(side, bool):
            raise EvaluationError(WRONG_KIND)
    decisive = operation is Op.OR
    if left is decisive or right is decisive:
        return decisive
    return None if left is None or right is None else not decisive


def of_integers(operation: Op, left: int, right: int) -> Any:
    """An operation on two integers of 64 bits."""
    if operation in {Op.DIV, Op.FLOOR_DIV, Op.MOD} and right == 0:
        raise EvaluationError(DIVISION_BY_ZERO)
    if operation is Op.DIV or (operation is Op.POW and right < 0):
        return of_floats(operation, float(left), float(right))
    if operation is Op.POW and (right >= 2**32 or (abs(left) > 1 and right > 63)):
        raise EvaluationError(OUT_OF_RANGE)
    if operation in {Op.SHIFT_LEFT, Op.SHIFT_RIGHT} and not 0 <= right <= 63:
        raise EvaluationError(OUT_OF_RANGE)
    exact: dict[Op, Callable[[], int]] = {
        Op.ADD: lambda: left + right,
        Op.SUB: lambda: left - right,
        Op.MUL: lambda: left * right,
        Op.FLOOR_DIV: lambda: left // right,
        Op.MOD: lambda: left % right,
        Op.POW: lambda: left**right,
        Op.BIT_AND: lambda: left & right,
        Op.BIT_OR: lambda: left | right,
        Op.BIT_XOR: lambda: left ^ right,
        Op.SHIFT_LEFT: lambda: wrapped(left << right),
        Op.SHIFT_RIGHT: lambda: left >> right,
    }
    return checked(exact[operation]()) if operation in exact else compared(operation, left, right)


def of_floats(operation: Op, left: float, right: float) -> Any:
    """An operation on two doubles, by IEEE 754."""
    if operation in {Op.DIV, Op.FLOOR_DIV, Op.MOD}:
        if right == 0:
            raise EvaluationError(DIVISION_BY_ZERO)
        if operation is Op.DIV:
            return left / right
        remainder = float_mod(left, right)
        return remainder if operation is Op.MOD else rounded((left - remainder) / right)
    exact: dict[Op, Callable[[], float]] = {
        Op.ADD: lambda: left + right,
        Op.SUB: lambda: left - right,
        Op.MUL: lambda: left * right,
        Op.POW: lambda: limitless(math.pow, left, right),
    }
    return exact[operation]() if operation in exact else compared(operation, left, right)


def float_mod(left: float, right: float) -> float:
    """Remainder with the sign of the divisor, which is not 0."""
    remainder = math.nan if math.isinf(left) else math.fmod(left, right)
    is_other_sign = remainder != 0 and (remainder < 0) != (right < 0)
    return remainder + right if is_other_sign else remainder


def rounded(value: float) -> float:
    """The nearest whole number, halves away from 0."""
    if not math.isfinite(value):
        return value
    whole = math.trunc(value)
    nearest = whole + math.copysign(1, value) if abs(value - whole) >= 0.5 else whole
    return math.copysign(float(nearest), value)


def compared(operation: Op, left: Any, right: Any, *keys: Any) -> Any:
    """A comparison, or the smaller or larger of two values."""
    a, b = keys or (left, right)
    if isinstance(a, float):  # as PostgreSQL: NaN equals itself and is above all others
        a, b = (math.isnan(a), a if a == a else 0.0), (math.isnan(b), b if b == b else 0.0)  # noqa: PLR0124
    results = {
        Op.EQ: a == b,
        Op.NE: a != b,
        Op.LT: a < b,
        Op.LE: a <= b,
        Op.GT: a > b,
        Op.GE: a >= b,
        Op.MIN: left if a <= b else right,
        Op.MAX: left if a >= b else right,
    }
    if operation not in results:
        raise EvaluationError(WRONG_KIND)
    return results[operation]


def length(count: int) -> int:
    """A number of characters or bytes that can be drawn."""
    if not 0 <= count <= 2**24:
        raise EvaluationError(WRONG_ARGUMENT)
    return count


def entry(values: Sequence[Any], index: int | None) -> Any:
    """Entry of a table or array; NULL at NULL."""
    if index is None:
        return None
    if not 0 <= index < len(values):
        raise EvaluationError(OUTSIDE)
    return values[index]


def parsed(text: str, operation: UnaryOperation) -> Any:
    """A number that a text shows."""
    try:
        if "_" in text or not text.isascii():
            raise ValueError(text)
        if operation is UnaryOperation.FLOAT:
            return float(text)
        number = int(text)
    except ValueError:
        raise EvaluationError(WRONG_ARGUMENT) from None
    if not INT_MIN <= number <= INT_MAX:
        raise EvaluationError(WRONG_ARGUMENT)
    return number


def text_of(value: Any) -> str:
    """A value as PostgreSQL prints it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "t" if value else "f"
        case int():
            return str(value)
        case float():
            return float_text(value)
        case str():
            return value
        case bytes():
            return f"\\x{value.hex()}"
    elements = (quoted(item) if isinstance(item, str) else text_of(item) for item in value)
    return "{" + ",".join(elements) + "}"


def quoted(text: str) -> str:
    """A text inside of an array."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def float_text(value: float) -> str:
    """A double with as few digits as read back the same."""
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    if value and not 1e-4 <= abs(value) < 1e15:
        point = exponent + len(digits) - 1
        mantissa = "".join(map(str, digits))
        fraction = f".{mantissa[1:]}" if len(digits) > 1 else ""
        return f"{'-' * sign}{mantissa[0]}{fraction}e{'-' if point < 0 else '+'}{abs(point):02}"
    return f"{Decimal(repr(value)).normalize():f}"


def limitless(function: Callable[..., float], *arguments: float) -> float:
    """A function of IEEE 754, which knows no overflow error."""
    try:
        return function(*arguments)
    except OverflowError:
        is_negative = len(arguments) == 2 and arguments[0] < 0 and arguments[1] % 2 == 1
        return -math.inf if is_negative else math.inf
    except ValueError:
        return math.nan if arguments[0] else math.inf


def is_int(value: object) -> bool:
    """Whether it is an integer, which a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it can be computed with."""
    return is_int(value) or isinstance(value, float)

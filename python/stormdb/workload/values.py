"""`Value`: what is known only when the transaction runs, with Python's operators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NoReturn

from stormdb.workload.bounds import Bounds, combined
from stormdb.workload.constants import checked_constant
from stormdb.workload.expressions import (
    Array,
    Binary,
    BinaryOperation,
    Const,
    Expression,
    Index,
    Kind,
    Slot,
    Unary,
    UnaryOperation,
)
from stormdb.workload.kinds import (
    SYMBOLS,
    UNARY_SYMBOLS,
    KindError,
    binary_kind,
    common_kind,
    constant_kind,
    kind_name,
    unary_kind,
)
from stormdb.workload.places import here, problem
from stormdb.workload.trace import MAX_DEPTH

if TYPE_CHECKING:
    from stormdb.workload.trace import Trace

__all__ = [
    "Value",
    "argument",
    "as_value",
    "binary",
    "common_kind_of",
    "derived",
    "unary",
    "variable",
]

_O = BinaryOperation


class Value:
    """A value of a transaction that is being described: a variable, or computed or drawn.

    It can be computed with (`+ - * / // % **`, comparisons, `& | ^ ~ << >>`, `abs`, `round`,
    `math.floor`, `math.ceil`, `array[i]`), and given to the methods of `Tx`. NULL makes NULL of
    whatever is computed from it. `&`, `|`, `~` and `^` are and, or, not and unequal between
    conditions, and work on the bits of integers. Nothing that needs the value now is possible: no
    `if`, `and`, `int()` or f-string.

    Attributes:
        expression: what it is computed from.
        kind: its kind; None if that is not known.
        trace: of its transaction; None for a constant.
        computed_at: reading of the trace's clock when it was computed; None for a variable.
        depth: how deep the expression is nested.
        place: where it was made.
    """

    __slots__ = ("_bounds", "computed_at", "depth", "expression", "kind", "place", "trace")

    def __init__(  # noqa: PLR0913 - made in one place, by `derived`
        self,
        expression: Expression,
        *,
        kind: Kind | None,
        bounds: Bounds = None,
        trace: Trace | None = None,
        computed_at: int | None = None,
        depth: int = 1,
    ) -> None:
        self.expression = expression
        self.kind = kind
        self._bounds = bounds
        self.trace = trace
        self.computed_at = computed_at
        self.depth = depth
        self.place = here()

    @property
    def bounds(self) -> Bounds:
        """Bounds of an integer, as far as they are known where this is asked."""
        if self.trace and isinstance(self.expression, Slot):
            return self.trace.bounds_of(self.expression.number)
        return self._bounds

    def is_null(self) -> Value:
        """True for NULL, else false."""
        return unary(UnaryOperation.IS_NULL, self)

    def __add__(self, other: object) -> Value:
        other = as_value(other)
        is_text = self.kind is Kind.TEXT and other.kind is Kind.TEXT
        return binary(_O.CONCAT if is_text else _O.ADD, self, other)

    def __radd__(self, other: object) -> Value:
        return as_value(other) + self

    def __sub__(self, other: object) -> Value:
        return binary(_O.SUB, self, other)

    def __rsub__(self, other: object) -> Value:
        return binary(_O.SUB, other, self)

    def __mul__(self, other: object) -> Value:
        return binary(_O.MUL, self, other)

    def __rmul__(self, other: object) -> Value:
        return binary(_O.MUL, other, self)

    def __truediv__(self, other: object) -> Value:
        return binary(_O.DIV, self, other)

    def __rtruediv__(self, other: object) -> Value:
        return binary(_O.DIV, other, self)

    def __floordiv__(self, other: object) -> Value:
        return binary(_O.FLOOR_DIV, self, other)

    def __rfloordiv__(self, other: object) -> Value:
        return binary(_O.FLOOR_DIV, other, self)

    def __mod__(self, other: object) -> Value:
        return binary(_O.MOD, self, other)

    def __rmod__(self, other: object) -> Value:
        return binary(_O.MOD, other, self)

    def __pow__(self, other: object) -> Value:
        return binary(_O.POW, self, other)

    def __rpow__(self, other: object) -> Value:
        return binary(_O.POW, other, self)

    def __lshift__(self, other: object) -> Value:
        return binary(_O.SHIFT_LEFT, self, other)

    def __rlshift__(self, other: object) -> Value:
        return binary(_O.SHIFT_LEFT, other, self)

    def __rshift__(self, other: object) -> Value:
        return binary(_O.SHIFT_RIGHT, self, other)

    def __rrshift__(self, other: object) -> Value:
        return binary(_O.SHIFT_RIGHT, other, self)

    def __and__(self, other: object) -> Value:
        return _logical(_O.AND, _O.BIT_AND, self, as_value(other))

    def __rand__(self, other: object) -> Value:
        return _logical(_O.AND, _O.BIT_AND, as_value(other), self)

    def __or__(self, other: object) -> Value:
        return _logical(_O.OR, _O.BIT_OR, self, as_value(other))

    def __ror__(self, other: object) -> Value:
        return _logical(_O.OR, _O.BIT_OR, as_value(other), self)

    def __xor__(self, other: object) -> Value:
        return _logical(_O.NE, _O.BIT_XOR, self, as_value(other))

    def __rxor__(self, other: object) -> Value:
        return _logical(_O.NE, _O.BIT_XOR, as_value(other), self)

    def __invert__(self) -> Value:
        if self.kind is Kind.INT:
            return binary(_O.BIT_XOR, self, -1)
        return unary(UnaryOperation.NOT, self)

    def __neg__(self) -> Value:
        return unary(UnaryOperation.NEG, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return unary(UnaryOperation.ABS, self)

    def __round__(self, digits: int | None = None) -> Value:
        if digits is None:
            return self if self.kind is Kind.INT else unary(UnaryOperation.INT, self)
        return unary(UnaryOperation.INT, self * 10.0**digits) / 10.0**digits

    def __floor__(self) -> Value:
        return unary(UnaryOperation.INT, unary(UnaryOperation.FLOOR, self))

    def __ceil__(self) -> Value:
        return unary(UnaryOperation.INT, unary(UnaryOperation.CEIL, self))

    def __eq__(self, other: object) -> Value:  # type: ignore[override]
        return _compare(_O.EQ, self, other)

    def __ne__(self, other: object) -> Value:  # type: ignore[override]
        return _compare(_O.NE, self, other)

    def __lt__(self, other: object) -> Value:
        return _compare(_O.LT, self, other)

    def __le__(self, other: object) -> Value:
        return _compare(_O.LE, self, other)

    def __gt__(self, other: object) -> Value:
        return _compare(_O.GT, self, other)

    def __ge__(self, other: object) -> Value:
        return _compare(_O.GE, self, other)

    def __getitem__(self, index: object) -> Value:
        index = as_value(index)
        if self.kind not in {Kind.ARRAY, None} or index.kind not in {Kind.INT, None}:
            raise problem(
                f"{kind_name(self.kind)} has no entry at {kind_name(index.kind)}",
                hint="only arrays have entries, numbered from 0",
            )
        return derived(Index(self.expression, index.expression), (self, index), None)

    def __repr__(self) -> str:
        return f"<Value of {self.place}>"

    def __bool__(self) -> NoReturn:
        raise _too_early(
            "whether this is true",
            "`with tx.when(…):` for steps, case(…) for a value, `&`, `|` and `~` for and, or and "
            "not, least() and greatest() for min and max",
        )

    def __str__(self) -> NoReturn:
        raise _too_early(
            "this value",
            "in SQL write $1 and give the value as an argument; text(…) builds a text of values",
        )

    def __format__(self, _: str) -> NoReturn:
        str(self)
        raise AssertionError

    def __int__(self) -> NoReturn:
        raise _too_early("this value", "cast(value, int) makes an integer of it, round() as well")

    def __float__(self) -> NoReturn:
        raise _too_early(
            "this value",
            "cast(value, float) makes a float of it; stormdb.workload has sqrt(), ln() and exp()",
        )

    def __index__(self) -> NoReturn:
        raise _too_early(
            "this value",
            "`with tx.repeat(count, limit=…):` for a loop, table(…)[value] for an entry of a list",
        )

    def __iter__(self) -> NoReturn:
        raise _too_early("what this holds", "value[i] is an entry of an array")

    def __contains__(self, _: object) -> NoReturn:
        raise _too_early("what this holds", "compare in SQL, or with `==` and `|`")

    def __len__(self) -> NoReturn:
        raise _too_early("its length", "length(value) is the length")

    def __hash__(self) -> NoReturn:
        raise _too_early(
            "this value", "a set or dict cannot hold it: table(…)[value] looks up, case(…) chooses"
        )


def _too_early(what: str, hint: str) -> Exception:
    return problem(f"{what} is known only when the transaction runs", hint=hint)


def as_value(value: object) -> Value:
    """A value of the transaction, or a constant.

    Raises:
        ProgramError: it is neither.
    """
    if isinstance(value, Value):
        return value
    if isinstance(value, list | tuple) and any(isinstance(item, Value) for item in value):
        elements = tuple(as_value(item) for item in value)
        common_kind_of(elements, "an array has values of one kind")
        return derived(Array(tuple(one.expression for one in elements)), elements, Kind.ARRAY)
    constant = checked_constant(value)
    kind = constant_kind(constant)
    is_int = isinstance(constant, int) and kind is Kind.INT
    bounds = (constant, constant) if is_int and isinstance(constant, int) else None
    return Value(Const(constant), kind=kind, bounds=bounds)


def derived(
    expression: Expression,
    operands: Iterable[Value],
    kind: Kind | None,
    bounds: Bounds = None,
) -> Value:
    """A value that is computed from others.

    Raises:
        ProgramError: they belong to another transaction, or it is nested too deep.
    """
    operands = tuple(operands)
    trace = next((one.trace for one in operands if one.trace), None)
    depth = 1 + max((one.depth for one in operands), default=0)
    if depth > MAX_DEPTH:
        raise problem(
            f"this value is computed in more than {MAX_DEPTH} nested operations",
            hint="set a variable to a part of it with tx.let()",
        )
    if trace is None:
        return Value(expression, kind=kind, bounds=bounds, depth=depth)
    for one in operands:
        trace.check_owner(one)
    now = trace.tick()
    # What was computed earlier stays as old as it was; a variable is read now.
    times = (one.computed_at for one in operands if one.computed_at is not None)
    return Value(
        expression,
        kind=kind,
        bounds=bounds,
        trace=trace,
        computed_at=min((now, *times)),
        depth=depth,
    )


def variable(slot: int, kind: Kind | None, trace: Trace) -> Value:
    """A variable of a transaction."""
    return Value(Slot(slot), kind=kind, trace=trace)


def unary(operation: UnaryOperation, operand: object) -> Value:
    """An operation on one value."""
    operand = as_value(operand)
    try:
        kind = unary_kind(operation, operand.kind)
    except KindError as error:
        raise problem(f"`{UNARY_SYMBOLS[operation]}` {error}") from None
    bounds = operand.bounds if kind is Kind.INT else None
    if bounds and operation is UnaryOperation.NEG:
        bounds = -bounds[1], -bounds[0]
    elif operation is not UnaryOperation.INT:
        bounds = None
    return derived(Unary(operation, operand.expression), (operand,), kind, bounds)


def binary(operation: BinaryOperation, left: object, right: object) -> Value:
    """An operation on two values."""
    left, right = as_value(left), as_value(right)
    try:
        kind = binary_kind(operation, left.kind, right.kind)
    except KindError as error:
        hint = None
        if Kind.TEXT in {left.kind, right.kind}:
            hint = "text(…) joins values of any kind, cast(value, int) makes a number of a text"
        elif Kind.BOOL in {left.kind, right.kind}:
            hint = "cast(condition, int) is 1 or 0; comparisons need brackets beside `&` and `|`"
        raise problem(f"`{SYMBOLS[operation]}` {error}", hint=hint) from None
    if operation is _O.POW and kind is None and right.bounds and right.bounds[0] >= 0:
        kind = left.kind
    divides = operation in {_O.DIV, _O.FLOOR_DIV, _O.MOD}
    if divides and isinstance(right.expression, Const) and right.expression.value == 0:
        raise problem(f"`{SYMBOLS[operation]}` by zero fails in every transaction")
    bounds = combined(operation, left.bounds, right.bounds) if kind is Kind.INT else None
    expression = Binary(operation, left.expression, right.expression)
    return derived(expression, (left, right), kind, bounds)


def argument(
    function: str, name: str, value: object, *kinds: Kind, hint: str | None = None
) -> Value:
    """An argument of a function, which must be of one of some kinds.

    Args:
        function: for the message.
        name: of the argument, for the message.
        value: what is given.
        kinds: what it may be.
        hint: what else to do; None for the way to convert it.

    Raises:
        ProgramError: it is not.
    """
    found = as_value(value)
    if found.kind is not None and found.kind not in kinds:
        convert = "cast(value, int) makes an integer of it"
        if Kind.BOOL in kinds:
            convert = "compare it with something, such as `value > 0`"
        wanted = " or ".join(map(kind_name, kinds))
        raise problem(
            f"{function}: {name} is {kind_name(found.kind)}, it must be {wanted}",
            hint=hint or convert,
        )
    return found


def common_kind_of(values: Iterable[Value], rule: str) -> Kind | None:
    """The kind that values have in common.

    Raises:
        ProgramError: there is none; begins with the rule.
    """
    kind = None
    for one in values:
        try:
            kind = common_kind(kind, one.kind)
        except KindError as error:
            raise problem(
                f"{rule}, and here {error}", hint="cast(value, …) makes them the same"
            ) from None
    return kind


def _logical(
    of_conditions: BinaryOperation, of_bits: BinaryOperation, left: Value, right: Value
) -> Value:
    if left.kind is None and right.kind is None:
        raise problem(
            f"`{SYMBOLS[of_bits]}` is one thing for conditions and another for integers, and "
            "which these are is not known",
            hint="cast(value, int), or a comparison",
        )
    is_bits = Kind.BOOL not in {left.kind, right.kind}
    return binary(of_bits if is_bits else of_conditions, left, right)


def _compare(operation: BinaryOperation, left: Value, right: object) -> Value:
    if right is None:
        raise problem(
            f"`{SYMBOLS[operation]} None` would never be true: a comparison with NULL is NULL",
            hint="value.is_null(), ~value.is_null()",
        )
    return binary(operation, left, right)

"""Expressions in words: as an author writes them, random values by their distribution."""

from __future__ import annotations

from stormdb.workload import distributions as d
from stormdb.workload import expressions as e
from stormdb.workload.expressions import UnaryOperation
from stormdb.workload.functions import padded
from stormdb.workload.generators import ALPHANUMERIC
from stormdb.workload.kinds import SYMBOLS

__all__ = ["Wording", "constant"]

_SHOWN_CHARS = 60
_SHOWN_ITEMS = 6
_O = e.BinaryOperation
_CHAINED = {_O.ADD, _O.MUL, _O.AND, _O.OR, _O.CONCAT}
"""Operations that need no brackets among their own kind."""


class Wording:
    """Texts for the expressions of one transaction.

    Args:
        slots: names of its variables.
    """

    def __init__(self, slots: tuple[str, ...]) -> None:
        self._slots = slots

    def of(self, expression: e.Expression) -> str:
        """The expression, for a line of its own."""
        text = self._inner(expression)
        return text[1:-1] if isinstance(expression, e.Draw) else text

    def _inner(self, expression: e.Expression) -> str:
        """The expression, between brackets or commas."""
        text = self._text(expression)
        return text[1:-1] if isinstance(expression, e.Binary) and text[0] == "(" else text

    def _text(self, node: e.Expression) -> str:  # noqa: PLR0911 - one for each node
        """The expression, with brackets where it could be read in two ways."""
        match node:
            case e.Const(value):
                return constant(value)
            case e.Slot(number):
                return self._slots[number]
            case e.Unary(operation, operand):
                return self._unary(operation, operand)
            case e.Binary(operation, left, right):
                return self._binary(operation, left, right)
            case e.Case():
                return self._case(node)
            case e.Table(table, index):
                return f"table {table + 1}[{self._inner(index)}]"
            case e.Array(elements):
                return f"[{', '.join(map(self._inner, elements))}]"
            case e.Index(array, index):
                return f"{self._text(array)}[{self._inner(index)}]"
            case e.Draw(_, distribution):
                return f"<{self._distribution(distribution)}>"
            case e.Permute():
                seed = f", seed {node.seed}" if node.seed else ""
                return f"permute({self._inner(node.value)}, size {self._inner(node.size)}{seed})"
            case e.Hash():
                seed = f", seed {node.seed}" if node.seed else ""
                return f"hash({self._inner(node.value)}{seed})"
            case e.Sequence():
                return "number of the transaction"

    def _case(self, node: e.Case) -> str:
        condition = node.arms[0][0] if node.arms else None
        width = len(node.arms) + 1
        if isinstance(condition, e.Binary) and node == padded(condition.left, width):
            return f"pad({self._inner(condition.left)}, {width})"
        whens = (
            f"when {self._inner(condition)} then {self._text(value)}"
            for condition, value in node.arms
        )
        return f"case {' '.join(whens)} else {self._text(node.otherwise)} end"

    def _binary(self, operation: e.BinaryOperation, left: e.Expression, right: e.Expression) -> str:
        first, second = self._text(left), self._text(right)
        if operation in {_O.MIN, _O.MAX}:
            return f"{'least' if operation is _O.MIN else 'greatest'}({first}, {second})"
        if operation in _CHAINED and isinstance(left, e.Binary) and left.operation is operation:
            first = first[1:-1]
        return f"({first} {_symbol(operation)} {second})"

    def _unary(self, operation: UnaryOperation, operand: e.Expression) -> str:
        match operation:
            case UnaryOperation.NEG:
                return f"-{self._text(operand)}"
            case UnaryOperation.NOT:
                return f"not {self._text(operand)}"
            case UnaryOperation.IS_NULL:
                return f"{self._text(operand)} is null"
        return f"{operation}({self._inner(operand)})"

    def _distribution(self, one: d.Distribution) -> str:  # noqa: PLR0911 - one for each
        match one:
            case d.Uniform():
                return f"uniform {self._range(one.low, one.high)}"
            case d.UniformFloat():
                return f"uniform {self._text(one.low)} to below {self._text(one.high)}"
            case d.Zipf():
                return f"zipf 0 to below {self._text(one.count)}, skew {one.skew:g}"
            case d.Gaussian():
                ends = self._range(one.low, one.high)
                return f"gaussian {ends}, {one.sigmas:g} sigmas from the middle to the ends"
            case d.Exponential():
                return f"exponential {self._range(one.low, one.high)}, decay {one.decay:g}"
            case d.Nurand():
                return f"NURand(A {one.a}, C {one.c}) {self._range(one.low, one.high)}"
            case d.Choice():
                return self._choice(one)
            case d.Pattern(pattern):
                return f"text like {constant(pattern)}"
            case d.Text():
                ends = self._range(one.min, one.max)
                alphabet = "" if one.alphabet == ALPHANUMERIC else f" of {constant(one.alphabet)}"
                return f"text of {ends} characters{alphabet}"
            case d.Bytes():
                return f"{self._text(one.length)} bytes"
            case d.Uuid():
                return "uuid"
            case d.Vector():
                length = ", length 1" if one.is_normalised else ""
                return f"vector of {one.dimensions} dimensions{length}"

    def _range(self, low: e.Expression, high: e.Expression) -> str:
        first, last = self._text(low), self._text(high)
        return first if first == last else f"{first} to {last}"

    def _choice(self, one: d.Choice) -> str:
        total = sum(one.weights)
        options = [
            f"{self._text(value)} {100 * weight / total:.3g} %"
            for value, weight in zip(one.values, one.weights, strict=True)
        ]
        return f"one of {_listed(options)}"


def _symbol(operation: e.BinaryOperation) -> str:
    """A sign between two operands."""
    words = {
        _O.EQ: "=",
        _O.NE: "<>",
        _O.AND: "and",
        _O.OR: "or",
        _O.CONCAT: "||",
    }
    return words.get(operation, SYMBOLS[operation])


def constant(value: object) -> str:
    """A constant as SQL writes it; a long one is cut."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case str():
            shown = value if len(value) <= _SHOWN_CHARS else f"{value[:_SHOWN_CHARS]}…"
            return "'" + shown.replace("'", "''").replace("\n", "\\n") + "'"
        case bytes():
            digits = value.hex()
            shown = digits if len(digits) <= _SHOWN_CHARS else f"{digits[:_SHOWN_CHARS]}…"
            return f"'\\x{shown}'"
        case tuple():
            return f"[{_listed([constant(item) for item in value])}]"
    return str(value)


def _listed(items: list[str]) -> str:
    more = len(items) - _SHOWN_ITEMS
    return ", ".join(items[:_SHOWN_ITEMS]) + (f", … {more} more" if more > 0 else "")

"""pgbench's expressions, as values of a transaction."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stormdb.workload import functions as f
from stormdb.workload.bounds import INT_MAX
from stormdb.workload.expressions import Const, Draw, Kind, walk
from stormdb.workload.generators import exponential, gaussian, uniform, zipf
from stormdb.workload.kinds import kind_name
from stormdb.workload.places import problem
from stormdb.workload.values import Value, as_value

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["evaluate", "truth"]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<float>(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|\d+[eE][-+]?\d+)
    | (?P<int>\d+)
    | (?P<variable>:[^\W\d]\w*)
    | (?P<word>[^\W\d]\w*)
    | (?P<symbol><<|>>|<=|>=|<>|!=|[-+*/%=<>()|\#&~,])
    )""",
    re.VERBOSE,
)
_COMPARISONS: Mapping[str, Callable[[Value, Value], Value]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_BITS: Mapping[str, Callable[[Value, Value], Value]] = {
    "|": lambda left, right: left | right,
    "#": lambda left, right: left ^ right,
    "&": lambda left, right: left & right,
    "<<": lambda left, right: left << right,
    ">>": lambda left, right: left >> right,
}
_REFUSED = {
    "debug": "leave it out; tx.emit() of a described transaction shows values in the report",
    "hash_fnv1a": "hash() is murmur2, in pgbench as well",
}


def evaluate(text: str, variables: Mapping[str, object]) -> Value:
    r"""The value of an expression, such as that of `\set`.

    Args:
        text: the expression.
        variables: of the script by name.

    Raises:
        ProgramError: it is none, or has no counterpart.
    """
    parser = _Parser(text, variables)
    value = parser.disjunction()
    if parser.kind:
        raise problem(f"{parser.word!r} is not expected here: {text!r}")
    return value


def truth(value: Value) -> Value:
    """What `\\if` and CASE take for true: numbers other than 0 as well; NULL is not."""  # noqa: D301
    return value if value.kind in {Kind.BOOL, None} else value != 0


class _Parser:
    """Recursive descent: a method for each level of precedence, the loosest first."""

    def __init__(self, text: str, variables: Mapping[str, object]) -> None:
        self._text = text
        self._position = 0
        self._variables = variables
        self._is_lazy = False
        self.kind, self.word = "", ""
        self._advance()

    def _advance(self) -> str:
        passed = self.word
        match = _TOKEN.match(self._text, self._position)
        if match and match.lastgroup:
            self.kind, self.word = match.lastgroup, match[match.lastgroup]
            self._position = match.end()
        elif rest := self._text[self._position :].strip():
            raise problem(f"{rest[0]!r} belongs to no expression: {self._text!r}")
        else:
            self.kind, self.word = "", "the end"
        return passed

    def _takes(self, *words: str) -> str:
        """Pass one of some keywords or symbols; "" if none of them is next."""
        word = self.word.lower()
        if self.kind in {"word", "symbol"} and word in words:
            self._advance()
            return word
        return ""

    def _expects(self, word: str) -> None:
        if not self._takes(word):
            raise problem(f"{word!r} is expected before {self.word!r}: {self._text!r}")

    @contextmanager
    def _lazily(self) -> Iterator[None]:
        """What is only evaluated if it is needed: nothing of it may be computed ahead."""
        before, self._is_lazy = self._is_lazy, True
        try:
            yield
        finally:
            self._is_lazy = before

    def _shared(self, value: Value) -> Value:
        """A value that can be used several times."""
        is_drawn = any(isinstance(node, Draw) for node in walk(value.expression))
        return f.once(value) if is_drawn or not self._is_lazy else value

    # OR and AND look at the right only if the left does not decide; NULL on the left does.

    def disjunction(self) -> Value:
        left = self._conjunction()
        while self._takes("or"):
            left = self._shared(_boolean(left))
            with self._lazily():
                right = _boolean(self._conjunction())
            left = f.case((left.is_null(), None), (left, True), otherwise=right)
        return left

    def _conjunction(self) -> Value:
        left = self._negation()
        while self._takes("and"):
            left = self._shared(_boolean(left))
            with self._lazily():
                right = _boolean(self._negation())
            left = f.case((left.is_null(), None), (~left, False), otherwise=right)
        return left

    def _negation(self) -> Value:
        return ~_boolean(self._negation()) if self._takes("not") else self._test()

    def _test(self) -> Value:
        value = self._comparison()
        if self._takes("isnull"):
            return value.is_null()
        if self._takes("notnull"):
            return ~value.is_null()
        if not self._takes("is"):
            return value
        is_negated = self._takes("not")
        word = self._takes("null", "true", "false")
        if not word:
            raise problem(f"IS is followed by {self.word!r}: {self._text!r}")
        if word == "null":
            result = value.is_null()
        else:
            found = _boolean(value)
            result = f.case((found if word == "true" else ~found, True), otherwise=False)
        return ~result if is_negated else result

    def _comparison(self) -> Value:
        left = self._bits()
        if word := self._takes(*_COMPARISONS):
            return _COMPARISONS[word](_number(left), _number(self._bits()))
        return left

    def _bits(self) -> Value:
        left = self._sum()
        while word := self._takes(*_BITS):
            left = _BITS[word](_integer(left), _integer(self._sum()))
        return left

    def _sum(self) -> Value:
        left = self._product()
        while word := self._takes("+", "-"):
            left, right = _number(left), _number(self._product())
            left = left + right if word == "+" else left - right
        return left

    def _product(self) -> Value:
        left = self._signed()
        while word := self._takes("*", "/", "%"):
            left, right = _number(left), _number(self._signed())
            if word == "*":
                left = left * right
            else:
                left = self._divided(left, right) if word == "/" else self._remainder(left, right)
        return left

    def _signed(self) -> Value:
        if self._takes("+"):
            return _number(self._signed())
        if self._takes("-"):
            if self.kind == "int" and int(self.word) == INT_MAX + 1:
                return as_value(-int(self._advance()))
            return -_number(self._signed())
        if self._takes("~"):  # it stands wherever a sign does, and takes in a whole sum
            return ~_integer(self._sum())
        return self._primary()

    def _divided(self, left: Value, right: Value) -> Value:
        """Integers are divided towards 0."""
        if Kind.FLOAT in {left.kind, right.kind}:
            return left / right
        if _is_not_negative(left) and _is_not_negative(right):
            return left // right
        left, right = self._shared(left), self._shared(right)
        is_rounded_up = ((left < 0) ^ (right < 0)) & (left % right != 0)
        return left // right + f.cast(is_rounded_up, int)

    def _remainder(self, left: Value, right: Value) -> Value:
        """It has the sign of the dividend."""
        left, right = _integer(left), _integer(right)
        if _is_not_negative(left) and _is_not_negative(right):
            return left % right
        left, right = self._shared(left), self._shared(right)
        is_of_divisor = ((left < 0) ^ (right < 0)) & (left % right != 0)
        return left % right - right * f.cast(is_of_divisor, int)

    def _primary(self) -> Value:
        match self.kind:
            case "int":
                number = int(self._advance())
                if number > INT_MAX:
                    raise problem(f"{number} is more than 64 bits hold")
                return as_value(number)
            case "float":
                return as_value(float(self._advance()))
            case "variable":
                return self._variable(self._advance()[1:])
            case "word":
                return self._word()
        if self._takes("("):
            value = self.disjunction()
            self._expects(")")
            return value
        raise problem(f"a value is expected before {self.word!r}: {self._text!r}")

    def _variable(self, name: str) -> Value:
        if name not in self._variables:
            raise problem(
                f"undefined variable {name!r}",
                hint=r"\set it before, or give it with define={…}",
            )
        return as_value(self._variables[name])

    def _word(self) -> Value:
        word = self._advance().lower()
        if word in {"null", "true", "false"}:
            return as_value({"null": None, "true": True, "false": False}[word])
        if word == "case":
            return self._case()
        self._expects("(")
        arguments: list[Value] = []
        while not self._takes(")"):
            if arguments:
                self._expects(",")
            arguments.append(self.disjunction())
        return self._call(word, arguments)

    def _case(self) -> Value:
        arms = []
        otherwise: object = None
        with self._lazily():
            while self._takes("when"):
                condition = truth(self.disjunction())
                self._expects("then")
                arms.append((condition, self.disjunction()))
            if self._takes("else"):
                otherwise = self.disjunction()
        self._expects("end")
        return f.case(*arms, otherwise=otherwise)

    def _call(self, name: str, arguments: list[Value]) -> Value:
        if name in _REFUSED:
            raise problem(f"{name}() is not supported", hint=_REFUSED[name])
        least, most, function = _FUNCTIONS.get(name, (0, 0, None))
        if function is None:
            raise problem(f"there is no function {name}()", hint=f"there are {_function_names()}")
        if not least <= len(arguments) <= most:
            raise problem(f"{name}() does not take {len(arguments)} arguments")
        return function(self, *arguments)

    def mod(self, left: Value, right: Value) -> Value:
        return self._remainder(left, right)

    def zipfian(self, low: Value, high: Value, parameter: Value) -> Value:
        skew = _constant("random_zipfian", parameter, 1.001, 1000)
        low = self._shared(_integer(low))
        return low + zipf(_integer(high) - low + 1, skew=skew)


def _boolean(value: Value) -> Value:
    if value.kind not in {Kind.BOOL, None}:
        raise problem(f"{kind_name(value.kind)} is no boolean", hint="compare it, such as :x <> 0")
    return value


def _number(value: Value) -> Value:
    if value.kind not in {Kind.INT, Kind.FLOAT, None}:
        raise problem(f"{kind_name(value.kind)} is no number")
    return value


def _integer(value: Value) -> Value:
    value = _number(value)
    return f.cast(value, int) if value.kind is Kind.FLOAT else value


def _is_not_negative(value: Value) -> bool:
    return value.bounds is not None and value.bounds[0] >= 0


def _constant(function: str, value: Value, least: float, most: float) -> float:
    """A parameter that shapes a distribution: the same in every transaction."""
    found = value.expression.value if isinstance(value.expression, Const) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise problem(
            f"the parameter of {function}() changes from transaction to transaction",
            hint="write a number, or a variable that define={…} gives",
        )
    if not least <= found <= most:
        raise problem(f"the parameter of {function}() is {found:g}, not {least:g} to {most:g}")
    return float(found)


def _seed(value: Value) -> int:
    found = value.expression.value if isinstance(value.expression, Const) else None
    if isinstance(found, bool) or not isinstance(found, int):
        raise problem("the seed is not a whole number that is known before the run")
    return found


def _hash(_: _Parser, value: Value, seed: Value | None = None) -> Value:
    return f.hash_of(_integer(value), seed=_seed(as_value(0) if seed is None else seed))


def _permute(_: _Parser, value: Value, size: Value, seed: Value | None = None) -> Value:
    return f.permute(
        _integer(value), _integer(size), seed=_seed(as_value(0) if seed is None else seed)
    )


def _power(_: _Parser, base: Value, exponent: Value) -> Value:
    return f.cast(_number(base), float) ** f.cast(_number(exponent), float)


def _gaussian(_: _Parser, low: Value, high: Value, parameter: Value) -> Value:
    sigmas = _constant("random_gaussian", parameter, 2, math.inf)
    return gaussian(_integer(low), _integer(high), sigmas=sigmas)


def _exponential(_: _Parser, low: Value, high: Value, parameter: Value) -> Value:
    decay = _constant("random_exponential", parameter, math.ulp(0), math.inf)
    return exponential(_integer(low), _integer(high), decay=decay)


_FUNCTIONS: Mapping[str, tuple[int, int, Callable[..., Value]]] = {
    "abs": (1, 1, lambda _, value: abs(_number(value))),
    "double": (1, 1, lambda _, value: f.cast(_number(value), float)),
    "exp": (1, 1, lambda _, value: f.exp(_number(value))),
    "greatest": (1, 16, lambda _, *values: f.greatest(*map(_number, values))),
    "hash": (1, 2, _hash),
    "hash_murmur2": (1, 2, _hash),
    "int": (1, 1, lambda _, value: _integer(value)),
    "least": (1, 16, lambda _, *values: f.least(*map(_number, values))),
    "ln": (1, 1, lambda _, value: f.ln(_number(value))),
    "mod": (2, 2, _Parser.mod),
    "permute": (2, 3, _permute),
    "pi": (0, 0, lambda _: as_value(math.pi)),
    "pow": (2, 2, _power),
    "power": (2, 2, _power),
    "random": (2, 2, lambda _, low, high: uniform(_integer(low), _integer(high))),
    "random_exponential": (3, 3, _exponential),
    "random_gaussian": (3, 3, _gaussian),
    "random_zipfian": (3, 3, _Parser.zipfian),
    "sqrt": (1, 1, lambda _, value: f.sqrt(_number(value))),
}
"""Functions: fewest and most arguments, and what makes the value."""


def _function_names() -> str:
    return ", ".join(f"{name}()" for name in _FUNCTIONS)

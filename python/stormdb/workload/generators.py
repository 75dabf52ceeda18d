"""Random values: each call stands for one draw, made anew in every transaction.

A draw is a function of the run's seed, the transaction's number and the place of the draw in the
program: a transaction that is retried draws the same values again, and a run with the same seed
offers the same work.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from stormdb.workload import distributions as d
from stormdb.workload.bounds import Bounds, joined
from stormdb.workload.constants import checked_text
from stormdb.workload.expressions import Draw, Kind
from stormdb.workload.places import problem
from stormdb.workload.trace import current_trace
from stormdb.workload.values import Value, argument, as_value, common_kind_of, derived

__all__ = [
    "ALPHANUMERIC",
    "choice",
    "exponential",
    "gaussian",
    "nurand",
    "pattern",
    "random_bytes",
    "random_text",
    "uniform",
    "uniform_float",
    "uuid",
    "vector",
    "zipf",
]

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The alphabet of `random_text` unless another is given."""

_MAX_TEXT = 2**24
_MAX_DIMENSIONS = 16_000
_LEAST_SIGMAS = 0.1


def uniform(low: object, high: object) -> Value:
    """An integer between two, both included, every one alike.

    Args:
        low: smallest, an integer.
        high: largest, an integer, not below `low`.
    """
    left, right = _range("uniform", low, high, hint="uniform_float() draws floats")
    distribution = d.Uniform(low=left.expression, high=right.expression)
    return _draw("uniform()", distribution, (left, right), Kind.INT, _span(left, right))


def uniform_float(low: object, high: object) -> Value:
    """A float from `low` up to, but not including, `high`, every one alike."""
    left, right = (
        argument("uniform_float", name, value, Kind.INT, Kind.FLOAT)
        for name, value in (("low", low), ("high", high))
    )
    distribution = d.UniformFloat(low=left.expression, high=right.expression)
    return _draw("uniform_float()", distribution, (left, right), Kind.FLOAT)


def zipf(count: object, *, skew: float) -> Value:
    """A rank from 0 to `count - 1`; rank k is drawn with a probability as 1 / (k + 1) ** skew.

    Rank 0 is the most frequent one. `permute` spreads the frequent ones over all keys.

    Args:
        count: how many ranks, an integer >= 1.
        skew: >= 0; 0 makes all alike, 1 is Zipf's law.

    Source: Hörmann and Derflinger, Rejection-inversion to generate variates from monotone discrete
    distributions (1996).
    """
    size = argument("zipf", "count", count, Kind.INT)
    _require_at_least("zipf", "count", size, 1)
    shape = _shape("zipf", "skew", skew, least=0)
    bounds = (0, size.bounds[1] - 1) if size.bounds else None
    return _draw("zipf()", d.Zipf(count=size.expression, skew=shape), (size,), Kind.INT, bounds)


def gaussian(low: object, high: object, *, sigmas: float) -> Value:
    """An integer between two, both included, normally distributed around their middle.

    Args:
        low: smallest, an integer.
        high: largest, an integer, not below `low`.
        sigmas: standard deviations between the middle and a bound, >= 0.1; pgbench's `parameter`.
    """
    left, right = _range("gaussian", low, high)
    shape = _shape("gaussian", "sigmas", sigmas, least=_LEAST_SIGMAS)
    distribution = d.Gaussian(low=left.expression, high=right.expression, sigmas=shape)
    return _draw("gaussian()", distribution, (left, right), Kind.INT, _span(left, right))


def exponential(low: object, high: object, *, decay: float) -> Value:
    """An integer between two, both included, `low` the most frequent.

    Args:
        low: smallest, an integer.
        high: largest, an integer, not below `low`; `exp(-decay)` times as frequent as `low`.
        decay: > 0; pgbench's `parameter`.
    """
    left, right = _range("exponential", low, high)
    shape = _shape("exponential", "decay", decay, least=math.ulp(0))
    distribution = d.Exponential(low=left.expression, high=right.expression, decay=shape)
    return _draw("exponential()", distribution, (left, right), Kind.INT, _span(left, right))


def nurand(a: int, low: object, high: object, *, c: int = 0) -> Value:
    """TPC-C's non-uniform random integer NURand(A, x, y).

    Args:
        a: TPC-C's A, such as 255, 1023 or 8191.
        low: TPC-C's x, an integer.
        high: TPC-C's y, an integer, not below `low`.
        c: TPC-C's C, 0 <= c <= a.

    Source: TPC Benchmark C, revision 5.11, clause 2.1.6.
    """
    left, right = _range("nurand", low, high)
    if not isinstance(a, int) or not isinstance(c, int) or not 0 <= c <= a < 2**31:
        raise problem(f"nurand: a is {a!r} and c is {c!r}, they must be integers, 0 <= c <= a")
    distribution = d.Nurand(a=a, c=c, low=left.expression, high=right.expression)
    return _draw("nurand()", distribution, (left, right), Kind.INT, _span(left, right))


def choice(values: Sequence[object], weights: Sequence[float] | None = None) -> Value:
    """One of several values.

    Args:
        values: at least one; constants or values of the transaction, of one kind.
        weights: one for each, >= 0, at least one above 0; None makes all alike.
    """
    options = tuple(as_value(value) for value in values)
    shares = tuple(float(weight) for weight in (weights or [1.0] * len(options)))
    if not options:
        raise problem("choice: there are no values to choose from")
    if weights is not None and len(shares) != len(options):
        raise problem(f"choice: {len(options)} values and {len(shares)} weights")
    if not all(math.isfinite(share) and share >= 0 for share in shares) or not sum(shares) > 0:
        raise problem(f"choice: the weights are {list(shares)}, they must be >= 0, one of them > 0")
    kind = common_kind_of(options, "choice: the values must be of one kind")
    distribution = d.Choice(weights=shares, values=tuple(one.expression for one in options))
    bounds = functools.reduce(joined, (one.bounds for one in options))
    return _draw("choice()", distribution, options, kind, bounds if kind is Kind.INT else None)


def pattern(pattern: str) -> Value:
    """A text by a pattern: `#` becomes a digit, `?` a letter a-z, `*` either; the rest stays."""
    checked_text(pattern)
    if not set(pattern) & set("#?*"):
        raise problem(
            f"pattern: {pattern!r} has nothing random in it",
            hint="# is a digit, ? a letter, * either",
        )
    return _draw("pattern()", d.Pattern(pattern), (), Kind.TEXT)


def random_text(shortest: object, longest: object = None, *, alphabet: str = ALPHANUMERIC) -> Value:
    """A text of random characters.

    Args:
        shortest: least length, an integer.
        longest: greatest length, an integer; None for texts that are all of the least length.
        alphabet: ASCII characters, every one alike.
    """
    left = argument("random_text", "the length", shortest, Kind.INT)
    right = left if longest is None else argument("random_text", "longest", longest, Kind.INT)
    _require_range("random_text", left, right)
    _require_at_least("random_text", "the length", left, 0)
    _require_at_most("random_text", "the length", right, _MAX_TEXT)
    if not alphabet or not alphabet.isascii() or "\0" in alphabet:
        raise problem(
            f"random_text: the alphabet is {alphabet!r}, it must be of ASCII characters",
            hint='choice(["ä", "ö"]) draws other characters',
        )
    distribution = d.Text(min=left.expression, max=right.expression, alphabet=alphabet)
    return _draw("random_text()", distribution, (left, right), Kind.TEXT)


def random_bytes(length: object) -> Value:
    """Random bytes, as many as `length`, an integer."""
    size = argument("random_bytes", "the length", length, Kind.INT)
    _require_at_least("random_bytes", "the length", size, 0)
    _require_at_most("random_bytes", "the length", size, _MAX_TEXT)
    return _draw("random_bytes()", d.Bytes(length=size.expression), (size,), Kind.BYTES)


def uuid() -> Value:
    """A random UUID (version 4) as text."""
    return _draw("uuid()", d.Uuid(), (), Kind.TEXT)


def vector(dimensions: int, *, normalised: bool = True) -> Value:
    """An array of floats whose direction is random: for real[], double precision[] and pgvector.

    Args:
        dimensions: how many, 1 to 16,000.
        normalised: scale it to length 1; else each float is normally distributed.
    """
    if not isinstance(dimensions, int) or not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise problem(
            f"vector: {dimensions!r} dimensions, there must be 1 to {_MAX_DIMENSIONS}, as a number"
        )
    distribution = d.Vector(dimensions=dimensions, is_normalised=normalised)
    return _draw("vector()", distribution, (), Kind.ARRAY)


def _draw(
    what: str,
    distribution: d.Distribution,
    operands: Sequence[Value],
    kind: Kind | None,
    bounds: Bounds = None,
) -> Value:
    trace = current_trace(what)
    value = derived(Draw(trace.new_draw(), distribution), operands, kind, bounds)
    value.trace, value.computed_at = trace, value.computed_at or trace.tick()
    return value


def _range(
    function: str, low: object, high: object, hint: str | None = None
) -> tuple[Value, Value]:
    left = argument(function, "low", low, Kind.INT, hint=hint)
    right = argument(function, "high", high, Kind.INT, hint=hint)
    _require_range(function, left, right)
    return left, right


def _require_range(function: str, low: Value, high: Value) -> None:
    if low.bounds and high.bounds and low.bounds[0] > high.bounds[1]:
        raise problem(
            f"{function}: nothing lies between {low.bounds[0]} and {high.bounds[1]}",
            hint="the smaller bound comes first",
        )


def _require_at_least(function: str, name: str, value: Value, least: int) -> None:
    if value.bounds and value.bounds[1] < least:
        raise problem(f"{function}: {name} is {value.bounds[1]}, it must be at least {least}")


def _require_at_most(function: str, name: str, value: Value, most: int) -> None:
    if value.bounds and value.bounds[0] > most:
        raise problem(f"{function}: {name} is {value.bounds[0]}, it must be at most {most}")


def _shape(function: str, name: str, value: float, *, least: float) -> float:
    """A number that shapes a distribution; it is the same in every transaction."""
    if not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        shown = "above 0" if least == math.ulp(0) else f"at least {least:g}"
        raise problem(f"{function}: {name} is {value!r}, it must be a number, {shown}")
    return float(value)


def _span(low: Value, high: Value) -> Bounds:
    return (low.bounds[0], high.bounds[1]) if low.bounds and high.bounds else None

"""How random values are distributed. Bounds are inclusive unless said otherwise.

Nodes travel as those of `expressions` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from stormdb.workload.expressions import Expression

__all__ = [
    "Bytes",
    "Choice",
    "Distribution",
    "Exponential",
    "Gaussian",
    "Nurand",
    "Pattern",
    "Text",
    "Uniform",
    "UniformFloat",
    "Uuid",
    "Vector",
    "Zipf",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Every integer alike."""

    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformFloat:
    """Every double alike, in `[low, high)`."""

    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Zipf:
    """`0 .. count`, rank `k` with a probability as `1 / (k + 1) ^ skew`."""

    count: Expression
    skew: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """Normal distribution, cut at both bounds, `sigmas` standard deviations off the middle."""

    low: Expression
    high: Expression
    sigmas: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """Exponential distribution, cut at the upper bound, where it is `exp(-decay)` of the lower."""

    low: Expression
    high: Expression
    decay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nurand:
    """TPC-C's non-uniform random number with its constants `A` and `C`."""

    a: int
    c: int
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several values by weight."""

    weights: tuple[float, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text by a pattern: `#` is a digit, `?` a lower-case letter, `*` either, the rest stays."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text of random characters of an ASCII alphabet."""

    min: Expression
    max: Expression
    alphabet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """Random bytes."""

    length: Expression


@dataclass(frozen=True, slots=True)
class Uuid:
    """Version 4 UUID as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """Array of doubles, each normally distributed; scaled to length 1 on request."""

    dimensions: int
    is_normalised: bool


Distribution: TypeAlias = (
    Uniform
    | UniformFloat
    | Zipf
    | Gaussian
    | Exponential
    | Nurand
    | Choice
    | Pattern
    | Text
    | Bytes
    | Uuid
    | Vector
)

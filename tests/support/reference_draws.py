"""Random values of a program in plain Python, and how they are made of a seed and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
WORD = 2**64

OUT_OF_RANGE = "22003"
DIVISION_BY_ZERO = "22012"
WRONG_KIND = "42804"
OUTSIDE = "2202E"
WRONG_ARGUMENT = "22023"


class EvaluationError(Exception):
    """An expression that has no value; the transaction fails with the SQLSTATE."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def philox(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, ...]:
    """Philox4x64-10.

    Source: Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    (k0, k1), (c0, c1, c2, c3) = key, counter
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * c0, WORD)
        high1, low1 = divmod(0xCA5A826395121157 * c2, WORD)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) % WORD, (k1 + 0xBB67AE8584CAA73B) % WORD
    return c0, c1, c2, c3


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What all draws of one transaction depend on."""

    seed: int = 7
    row: int = 0
    index: int = 0
    iteration: int = 0

    def words(self, draw: int) -> Words:
        """The random words of one draw."""
        return Words(self._endless((self.seed, self.row << 32 | draw)))

    def _endless(self, key: tuple[int, int]) -> Iterator[int]:
        block = 0
        while True:
            yield from philox(key, (self.index, self.iteration, block, 0))
            block += 1


class Words:
    """Numbers that are made of endless random words."""

    def __init__(self, words: Iterator[int]) -> None:
        self._words = words

    def unit(self) -> float:
        """From 0 to below 1."""
        return (next(self._words) >> 11) * 2.0**-53

    def up_to(self, last: int) -> int:
        """An integer from 0, every one alike.

        Source: Lemire, Fast random integer generation in an interval (2019).
        """
        count = last + 1
        if count == WORD:
            return next(self._words)
        while True:
            high, low = divmod(next(self._words) * count, WORD)
            if low >= WORD % count:
                return high

    def integer(self, low: int, high: int) -> int:
        """An integer between two, both included."""
        return low if high <= low else low + self.up_to(high - low)

    def between(self, low: float, high: float) -> float:
        """A double from `low` to below `high`."""
        size = high - low
        if not (math.isfinite(size) and size >= 0):
            raise EvaluationError(WRONG_ARGUMENT)
        value = low + self.unit() * size
        return value if value < high else low

    def characters(self, alphabet: str, count: int) -> str:
        """Characters, every one alike."""
        return "".join(alphabet[self.up_to(len(alphabet) - 1)] for _ in range(count))

    def filled(self, pattern: str, alphabets: dict[str, str]) -> str:
        """A pattern with some of its characters drawn from alphabets."""
        return "".join(self.characters(alphabets[c], 1) if c in alphabets else c for c in pattern)


PATTERN = {
    "#": "0123456789",
    "?": "abcdefghijklmnopqrstuvwxyz",
    "*": "0123456789abcdefghijklmnopqrstuvwxyz",
}
UUID = {"x": "0123456789abcdef", "y": "89ab"}


def exponential(words: Words, low: int, high: int, decay: float) -> int:
    """An integer by the exponential distribution."""
    part = math.expm1(-decay) * words.unit()
    point = min(-math.log1p(part) / decay, 1.0 - 2.0**-52)
    return low + min(int((float(high - low) + 1.0) * point), high - low)


def nurand(words: Words, a: int, c: int, low: int, high: int) -> int:
    """TPC-C's non-uniform random number (clause 2.1.6)."""
    mixed = words.integer(0, a) | words.integer(low, high)
    checked(mixed + c)
    return (mixed + c) % int(checked(high - low + 1)) + low


def hash_of(value: int, seed: int) -> int:
    """MurmurHash2 of 64 bits, as pgbench has it."""
    m = 0xC6A4A7935BD1E995
    word = value * m % WORD
    word = (word ^ word >> 47) * m % WORD
    mixed = (seed % WORD ^ m * 8 % WORD ^ word) * m % WORD
    mixed = (mixed ^ mixed >> 47) * m % WORD
    return wrapped(mixed ^ mixed >> 47)


def permute(value: int, size: int, seed: int) -> int:
    """A Feistel network of four rounds, walked until the result lies inside."""
    if size < 2:
        return 0
    half_bits = max(1, ((size - 1).bit_length() + 1) // 2)
    mask = (1 << half_bits) - 1
    point = value % size
    while True:
        left, right = point >> half_bits, point & mask
        for turn in range(4):
            mixed = philox((seed % WORD, turn), (right, size, 0, 0))[0] & mask
            left, right = right, left ^ mixed
        point = left << half_bits | right
        if point < size:
            return point


def checked(value: Any) -> Any:
    """An integer that fits into 64 bits, or a double."""
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise EvaluationError(OUT_OF_RANGE)
    return value


def wrapped(value: int) -> int:
    """The lowest 64 bits as a signed integer."""
    return (value - INT_MIN) % WORD + INT_MIN

"""`ctx.random`: random numbers that depend on the call alone."""

from __future__ import annotations

import random
from typing import Any

from stormdb._native import random_u64

__all__ = ["CallRandom"]

_DOUBLE = 2.0**-53
_WORD_BITS = 64
_LARGE = 2**32


class CallRandom(random.Random):
    """A `random.Random` whose n-th draw is a pure function of (seed, stream, n).

    To begin a stream anew costs nothing, whereas seeding a Mersenne Twister takes 5 µs: as long as
    a fifth of a whole transaction.

    Args:
        seed: of the run.
    """

    def __init__(self, seed: int) -> None:
        self._run_seed = seed
        self._stream = 0
        self._draw = 0
        super().__init__()

    def rewind(self, stream: int) -> None:
        """Begin a stream: the next draws are those that it always gives."""
        self._stream = stream
        self._draw = 0
        self.gauss_next = None  # where `random.Random` keeps the second of a pair of normal draws

    def random(self) -> float:
        """The next number of [0, 1)."""
        draw = self._draw
        self._draw = draw + 1
        return (random_u64(self._run_seed, self._stream, draw) >> 11) * _DOUBLE

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` random bits."""
        if 0 < k <= _WORD_BITS:
            draw = self._draw
            self._draw = draw + 1
            return random_u64(self._run_seed, self._stream, draw) >> (_WORD_BITS - k)
        if k < 0:
            raise ValueError("number of bits must be non-negative")
        whole, rest = divmod(k, _WORD_BITS)
        bits = self.getrandbits(rest) if rest else 0
        for _ in range(whole):
            bits = bits << _WORD_BITS | self.getrandbits(_WORD_BITS)
        return bits

    def _randbelow(self, n: int) -> int:
        """What `randrange`, `choice`, `shuffle` and `sample` are made of, without a loop.

        A number is too frequent by at most one part in 2**32.
        """
        if n > _LARGE:
            return super()._randbelow(n)  # type: ignore[misc, no-any-return]
        draw = self._draw
        self._draw = draw + 1
        return random_u64(self._run_seed, self._stream, draw) * n >> _WORD_BITS

    def seed(self, a: Any = None, version: int = 2) -> None:
        """Begin the stream that belongs to `a`; without it this call's own one, from its start."""
        if a is None:
            self.rewind(self._stream)
        else:
            twister = random.Random()  # noqa: S311
            twister.seed(a, version)
            self.rewind(twister.getrandbits(62))

    def getstate(self) -> tuple[Any, ...]:
        """What `setstate` takes."""
        return (self._stream, self._draw, self.gauss_next)

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Go back to where `getstate` was called."""
        self._stream, self._draw, self.gauss_next = state

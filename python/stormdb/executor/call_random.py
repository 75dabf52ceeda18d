"""`ctx.random`: random numbers that depend on the call alone."""

from __future__ import annotations

import random
from typing import Any

from stormdb._native import RandomStream

__all__ = ["CallRandom"]


class CallRandom(random.Random):
    """A `random.Random` whose n-th draw is a pure function of (seed, stream, n).

    To begin a stream anew costs nothing, whereas seeding a Mersenne Twister takes 5 µs: as long as
    a fifth of a whole transaction.

    Args:
        seed: of the run.

    Attributes:
        rewind: begins a stream: the next draws are those that it always gives.
    """

    # `random.Random.gauss` keeps the second of a pair of draws, for whatever call comes next.
    gauss = random.Random.normalvariate

    def __init__(self, seed: int) -> None:
        self._draws = draws = RandomStream(seed)
        # What everything in `random.Random` is made of, without a frame of Python in between.
        self.rewind = draws.rewind
        self.random = draws.random  # type: ignore[method-assign]
        self.getrandbits = draws.getrandbits  # type: ignore[method-assign]
        self._randbelow = draws.below
        super().__init__()

    def seed(self, a: Any = None, version: int = 2) -> None:
        """Begin the stream that belongs to `a`; without it this call's own one, from its start."""
        if a is None:
            self.rewind(self._draws.stream)
        else:
            twister = random.Random()  # noqa: S311
            twister.seed(a, version)
            self.rewind(twister.getrandbits(62))

    def getstate(self) -> tuple[Any, ...]:
        """What `setstate` takes."""
        return (self._draws.stream, self._draws.counter)

    def setstate(self, state: tuple[Any, ...]) -> None:
        """Go back to where `getstate` was called."""
        self._draws.stream, self._draws.counter = state

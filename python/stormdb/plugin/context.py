"""What surrounds one call of a workload: cancellation, identity, randomness, log."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Context"]


def _no_progress(done: int, total: int | None, what: str) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True, kw_only=True)
class Context:
    """Handed to `setup`, `cleanup`, `verify` and each call of `run`.

    Attributes:
        worker: number of the calling worker, 0 <= worker < cfg.workers, unique over all
            processes; 0 outside `run`.
        random: generator seeded for this call alone. A retried call draws the same values again,
            and a run with the same seed draws the same values as before.
        log: logger that carries the plugin's name; plain `logging` and `print` reach it too.
        deadline_ns: monotonic clock (`time.monotonic_ns`) at which the work should end: the last
            phase of the load (open loop: its drain), or the time limit of the call.
        iteration: open loop: index of the arrival; closed loop: how often this worker called
            before.
    """

    worker: int = 0
    random: random.Random = field(default_factory=random.Random)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("stormdb.plugin"))
    deadline_ns: int = 2**63 - 1
    iteration: int = 0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _report: Callable[[int, int | None, str], None] = _no_progress

    @property
    def done(self) -> bool:
        """True once the work should end: the load is over or the run was cancelled."""
        return self._stop.is_set() or time.monotonic_ns() >= self.deadline_ns

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, (self.deadline_ns - time.monotonic_ns()) / 1e9)

    async def sleep(self, seconds: float) -> bool:
        """Pause, but not past the end of the work.

        Returns:
            True if the whole pause passed, False if the work ended meanwhile.
        """
        if self.done:
            return False
        pause_s = min(seconds, self.remaining_s)
        try:
            await asyncio.wait_for(self._stop.wait(), pause_s)
        except TimeoutError:
            return pause_s >= seconds
        return False

    def progress(self, done: int, total: int | None = None, what: str = "") -> None:
        """Say how far a long `setup`, `cleanup` or `verify` is; shown as a progress bar.

        Args:
            done: how many units are done.
            total: how many there are; None if that is not known.
            what: what is being done, such as `rows of account`.
        """
        self._report(done, total, what)

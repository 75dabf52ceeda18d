"""Where a worker gets its next call from: `ClosedLoop` and `OpenLoop`.

A call is a tuple (iteration, random stream, intended start). The worker loop is the same for both.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from stormdb._native import random_u64
from stormdb.executor.alarm import Alarm, wake

if TYPE_CHECKING:
    from stormdb._native import Recorder, Schedule

__all__ = ["Arrivals", "Call", "ClosedClient", "ClosedLoop", "OpenLoop", "exponential_ns"]

Call = tuple[int, int, int | None]
"""Iteration or arrival index, stream of random numbers, intended start (None in closed loop)."""

QUEUE_FULL = "queue_full"
RUN_ENDED = "run_ended"
TOO_LATE = "too_late"
_OFFERS_PER_TURN = 10_000
_WORKER_STREAMS = 2**40
_THINK_STREAM = 2**62
_UNIT = 2.0**-53


class Arrivals(Protocol):
    """Calls for one worker: `take`, and where that gives none, `wait`."""

    def take(self, now_ns: int) -> Call | None:
        """The next call if it may start now.

        Args:
            now_ns: reading of the monotonic clock, not older than what the worker did last.
        """

    async def wait(self) -> Call | None:
        """The next call, as soon as it may start; None once there will be no more."""


def exponential_ns(mean_ns: int, seed: int, worker: int, iteration: int) -> int:
    """Think time of a worker before a call, drawn from an exponential distribution.

    Source: inverse of the distribution function, at a number of [0, 1).
    """
    draw = random_u64(seed, _THINK_STREAM + worker, iteration) >> 11
    return int(-math.log1p(-draw * _UNIT) * mean_ns)


class ClosedLoop:
    """The next call of a worker follows its last one and a think time.

    Args:
        alarm: wakes the workers.
        end_ns: end of the last phase on the monotonic clock: no call starts after it.
        seed: of the run.
        think_time_ns: mean pause.
        is_exponential: the pause is drawn from an exponential distribution; else it is constant.
    """

    def __init__(
        self, alarm: Alarm, *, end_ns: int, seed: int, think_time_ns: int, is_exponential: bool
    ) -> None:
        self.end_ns = end_ns
        self._alarm = alarm
        self._seed = seed
        self.think_time_ns = think_time_ns
        self._is_exponential = is_exponential
        self._pausing: set[asyncio.Future[None]] = set()

    def client(self, worker: int) -> ClosedClient:
        """The calls of one worker."""
        return ClosedClient(self, worker)

    def close(self) -> None:
        """No further call."""
        self.end_ns = 0
        for pause in self._pausing:
            wake(pause)

    def offer_due(self) -> None:
        """Nothing is due before a worker is ready for it."""

    def drop_queued(self) -> None:
        """Nothing ever waits."""

    async def think(self, worker: int, iteration: int) -> None:
        """Pause before a call."""
        pause_ns = self.think_time_ns
        if self._is_exponential:
            pause_ns = exponential_ns(pause_ns, self._seed, worker, iteration)
        pause: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alarm.call_at(time.monotonic_ns() + pause_ns, lambda: wake(pause))
        self._pausing.add(pause)
        try:
            await pause
        finally:
            self._pausing.discard(pause)


class ClosedClient:
    """One worker's calls in closed loop."""

    def __init__(self, loop: ClosedLoop, worker: int) -> None:
        self._loop = loop
        self._worker = worker
        self._stream = worker * _WORKER_STREAMS
        self._iteration = 0
        self._has_thought = True
        self._never_thinks = not loop.think_time_ns

    def take(self, now_ns: int) -> Call | None:
        """The next call, unless the worker is to think before it."""
        if not self._has_thought or now_ns >= self._loop.end_ns:
            return None
        iteration = self._iteration
        self._iteration = iteration + 1
        self._has_thought = self._never_thinks
        return iteration, self._stream + iteration, None

    async def wait(self) -> Call | None:
        """The next call, after the think time; None once the load is over."""
        if self._has_thought:
            return None
        await self._loop.think(self._worker, self._iteration)
        self._has_thought = True
        return self.take(time.monotonic_ns())


class OpenLoop:
    """Arrivals as scheduled, whatever the workers do: handed to an idle one, queued, or dropped.

    While every worker is busy nobody has to wake up for an arrival: a worker that comes back first
    offers all that came due meanwhile, which leaves the queue as it would have been.

    Args:
        schedule: arrivals of this process.
        recorder: counts what is offered and dropped.
        alarm: wakes the dispatcher while a worker is idle.
        start_ns: start of the run on the monotonic clock.
        capacity: arrivals that may wait.
        max_lag_ns: one that is later than this is dropped instead of started; 0 for no limit.
    """

    def __init__(  # noqa: PLR0913
        self,
        schedule: Schedule,
        recorder: Recorder,
        alarm: Alarm,
        *,
        start_ns: int,
        capacity: int,
        max_lag_ns: int = 0,
    ) -> None:
        self._schedule = schedule
        self._recorder = recorder
        self._alarm = alarm
        self._start_ns = start_ns
        self._capacity = capacity
        self._max_lag_ns = max_lag_ns or math.inf
        self._queue: deque[Call] = deque()
        self._idle: deque[asyncio.Future[Call | None]] = deque()
        self._coming = next(schedule, None)
        self._armed_ns = -1

    def client(self, worker: int) -> OpenLoop:  # noqa: ARG002
        """The calls of one worker: all take from the same queue."""
        return self

    def take(self, now_ns: int) -> Call | None:
        """The arrival that waits longest."""
        self._offer_until(now_ns)
        while self._queue:
            call = self._queue.popleft()
            if not self._is_too_late(call, now_ns):
                return call
        return None

    def _is_too_late(self, call: Call, now_ns: int) -> bool:
        """Drop an arrival that has waited for too long."""
        intended_ns = call[2]
        assert intended_ns is not None
        is_late = now_ns - self._start_ns - intended_ns > self._max_lag_ns
        if is_late:
            self._recorder.drop(intended_ns, TOO_LATE)
        return is_late

    async def wait(self) -> Call | None:
        """The next arrival to come due; None once there will be no more."""
        if self._coming is None:
            return None
        turn: asyncio.Future[Call | None] = asyncio.get_running_loop().create_future()
        self._idle.append(turn)
        self._arm()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and (call := turn.result()) is not None:
                self._queue.appendleft(call)
            raise

    def offer_due(self) -> None:
        """Offer every arrival that has come due, with its intended start, however late it is."""
        self._offer_until(time.monotonic_ns())

    def _offer_until(self, now_ns: int) -> None:
        run_ns = now_ns - self._start_ns
        for _ in range(_OFFERS_PER_TURN):
            if self._coming is None or self._coming[1] > run_ns:
                break
            self._offer(self._coming, now_ns)
        if self._coming is None:
            self._release_idle()
        elif self._idle:
            self._arm()

    def close(self) -> None:
        """Offer what has come due, and nothing after it; what is queued may still be taken."""
        now_ns = time.monotonic_ns()
        while self._coming is not None and self._coming[1] <= now_ns - self._start_ns:
            self._offer(self._coming, now_ns)
        self._coming = None
        self._release_idle()

    def drop_queued(self) -> None:
        """Give up the arrivals that no worker took before the end of the drain."""
        while self._queue:
            intended_ns = self._queue.popleft()[2]
            assert intended_ns is not None
            self._recorder.drop(intended_ns, RUN_ENDED)

    def _offer(self, arrival: tuple[int, int, int], now_ns: int) -> None:
        index, intended_ns, _ = arrival
        self._coming = next(self._schedule, None)
        self._recorder.offer(intended_ns)
        call = (index, index, intended_ns)
        while self._idle:
            turn = self._idle.popleft()
            if turn.done():
                continue
            if self._is_too_late(call, now_ns):
                self._idle.appendleft(turn)
            else:
                turn.set_result(call)
            return
        if len(self._queue) < self._capacity:
            self._queue.append(call)
        else:
            self._recorder.drop(intended_ns, QUEUE_FULL)

    def _arm(self) -> None:
        assert self._coming is not None
        if self._armed_ns != self._coming[1]:
            self._armed_ns = self._coming[1]
            self._alarm.call_at(self._start_ns + self._armed_ns, self.offer_due)

    def _release_idle(self) -> None:
        while self._idle:
            turn = self._idle.popleft()
            if not turn.done():
                turn.set_result(None)

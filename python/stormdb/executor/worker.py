"""One worker: calls `run` for as long as there are calls to make. The only worker loop there is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb._native import random_u64
from stormdb.executor.outcome import PLUGIN_EXCEPTION, is_retryable, sqlstate_of

if TYPE_CHECKING:
    from stormdb.executor.arrivals import Arrivals
    from stormdb.executor.call_random import CallRandom
    from stormdb.executor.heart import Heart
    from stormdb.executor.metrics import CallMetrics
    from stormdb.executor.pool import WorkerPool
    from stormdb.plugin import Config, Context, Workload

__all__ = ["Worker"]

_clock_ns = time.monotonic_ns
_BACKOFF_STREAM = 2**62
_LONGEST_BACKOFF_NS = 1_000_000_000
# SystemExit too: plugin code must not end the process without a word.
_FAILURES = (Exception, asyncio.CancelledError, SystemExit, KeyboardInterrupt)


@dataclass(slots=True, kw_only=True)
class Worker:
    """One of the run's workers.

    Attributes:
        workload: whose `run` is called.
        ctx: what `run` gets; the worker sets its `iteration`.
        rng: the `random` of `ctx`, rewound for each try.
        db: what `run` gets.
        cfg: what `run` gets.
        metrics: what `run` gets, told about each call.
        arrivals: where the calls come from.
        max_tries: how often a call is made at most that ends by 40001 or 40P01.
        backoff_ns: mean pause before the second try; doubles with each further one.
        heart: knows whether the event loop was held up.
        plugin_failed: told about exceptions that are the plugin's own.
    """

    workload: Workload
    ctx: Context
    rng: CallRandom
    db: WorkerPool
    cfg: Config
    metrics: CallMetrics
    arrivals: Arrivals
    max_tries: int
    backoff_ns: int
    heart: Heart
    plugin_failed: Callable[[BaseException], None]

    async def serve(self) -> None:
        """Make one call after another."""
        run, ctx, db, cfg, metrics = self.workload.run, self.ctx, self.db, self.cfg, self.metrics
        take, wait, rewind = self.arrivals.take, self.arrivals.wait, self.rng.rewind
        begin, commit = metrics.call.begin, metrics.call.commit
        heart = self.heart
        now_ns = _clock_ns()
        while (call := take(now_ns) or await wait()) is not None:
            ctx.iteration, stream, intended_ns = call
            rewind(stream)
            db.is_untouched = True
            begin(_clock_ns(), intended_ns)
            try:
                await run(ctx, db, cfg, metrics)
            except _FAILURES as error:
                now_ns = await self._after_failure(error, stream)
            else:
                now_ns = _clock_ns()
                if not commit(now_ns):
                    metrics.succeeded(now_ns)
            # A call that never waits would keep the loop from everything else.
            if now_ns > heart.late_at_ns:
                await asyncio.sleep(0)

    async def _after_failure(self, error: BaseException, stream: int) -> int:
        """Try the call again as often as its failures allow; tells the time of its end."""
        tries = 1
        while await self._is_tried_again(error, tries, stream):
            tries += 1
            self.rng.rewind(stream)
            try:
                await self.workload.run(self.ctx, self.db, self.cfg, self.metrics)
            except _FAILURES as again:
                error = again
            else:
                now_ns = _clock_ns()
                self.metrics.succeeded(now_ns)
                return now_ns
        return _clock_ns()

    async def _is_tried_again(self, error: BaseException, tries: int, stream: int) -> bool:
        """Count what a call raised, unless the call is to be made again."""
        task = asyncio.current_task()
        assert task is not None
        if isinstance(error, asyncio.CancelledError) and task.cancelling():
            self.metrics.given_up()
            raise error
        sqlstate = sqlstate_of(error)
        if is_retryable(sqlstate) and tries < self.max_tries:
            self.metrics.retried(sqlstate)
            try:
                await asyncio.sleep(self._backoff_ns(tries, stream) / 1e9)
            except asyncio.CancelledError:
                self.metrics.given_up()
                raise
            return True
        self.metrics.failed(error, sqlstate)
        if sqlstate == PLUGIN_EXCEPTION:
            self.plugin_failed(error)
            await asyncio.sleep(0)
        return False

    def _backoff_ns(self, tries: int, stream: int) -> int:
        """Pause before the next try: half to one and a half of a mean that doubles each time."""
        mean_ns = min(self.backoff_ns << (tries - 1), _LONGEST_BACKOFF_NS)
        draw = random_u64(self.cfg.seed, _BACKOFF_STREAM + stream, tries)
        return mean_ns // 2 + mean_ns * draw // 2**64

"""Runs of a plugin from code: what `stormdb run` does, with the result as a value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stormdb.analysis import summarise_run
from stormdb.config import load
from stormdb.plugins import Catalog
from stormdb.run import LogRecord, RunOptions, Session, Silent
from stormdb.run.ending import ending_of
from stormdb.run.plan import INTERVAL_NS

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.analysis import Summary
    from stormdb.config import RunConfig
    from stormdb.plugin import Finding
    from stormdb.plugins import PluginRecord
    from stormdb.results import RunResult
    from stormdb.run import LoadInfo
    from stormdb.run.ending import Ending
    from stormdb.testing.scratch import ScratchDatabase

__all__ = ["LiveRun", "Run", "Runner"]

_PLAIN: Mapping[str, Any] = {
    "duration": "1s",
    "warm_up": "0s",
    "workers": 4,
    "connections": 4,
    "plugins": {"auto_load": False},
    # Whoever tests wants to know what happens, not how often.
    "load": {"think_time": "5ms"},
}
"""A short run, at leisure."""
_ONE = {"coroutine": "processes", "native": "threads"}
"""One of these is enough; each executor knows its own only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run gave.

    Attributes:
        result: all that was measured.
        summary: what the report would say.
        ending: the exit code of `stormdb run`, and its reasons.
        log: what plugin code logged and printed.
    """

    result: RunResult
    summary: Summary
    ending: Ending
    log: tuple[LogRecord, ...]

    @property
    def committed_count(self) -> int:
        """Transactions that committed, in all phases."""
        return self.summary.accounting.committed_count

    @property
    def unfinished_count(self) -> int:
        """Transactions that were given up at the end: each has committed or not, nobody knows."""
        return self.summary.accounting.unfinished_count

    @property
    def failures(self) -> dict[str, int]:
        """Failed transactions of all phases, by SQLSTATE."""
        return {
            failure.sqlstate: failure.count + failure.other_phases_count
            for failure in self.summary.failures
            if failure.count + failure.other_phases_count
        }

    @property
    def findings(self) -> dict[str, Finding]:
        """What `verify` found, by the name of the invariant; empty if it did not come to that."""
        return {finding.name: finding for finding in self.result.findings or ()}

    @property
    def examples(self) -> dict[str, str]:
        """The first message of each SQLSTATE."""
        return {failure.sqlstate: failure.example for failure in self.summary.failures}


class LiveRun(Silent):
    """A run that goes on, for what happens in the middle of it.

    Attributes:
        intervals: those that are over.
        log_records: what plugin code logged and printed.
    """

    def __init__(self) -> None:
        self.intervals: list[IntervalSnapshot] = []
        self.log_records: list[LogRecord] = []
        self._session: Session
        self._changed = asyncio.Event()
        self._load: LoadInfo | None = None

    def of(self, session: Session) -> None:
        """Say which run it is."""
        self._session = session

    def end(self) -> None:
        """End the run in order, as Ctrl-C does."""
        self._session.interrupt()

    async def started(self) -> LoadInfo:
        """Wait for the start of the load."""
        while self._load is None:
            await self._change()
        return self._load

    async def has_committed(self, *, least: int = 1, after_ns: int = 0, limit_s: float) -> bool:
        """Wait until transactions have committed in intervals that began after some time.

        Args:
            least: how many.
            after_ns: on the monotonic clock.
            limit_s: how long to wait.
        """
        start_ns = (await self.started()).start_ns

        def have() -> bool:
            return least <= sum(
                cell.committed
                for snapshot in self.intervals
                if start_ns + snapshot.first_interval.start_ns >= after_ns
                for cell in snapshot.row_totals()
                if cell.kind == "transaction"
            )

        return await self._until(have, limit_s)

    async def has_failed(self, sqlstate: str, *, limit_s: float) -> bool:
        """Wait until a transaction has failed with an SQLSTATE."""

        def has() -> bool:
            return any(
                sqlstate in cell.failed
                for snapshot in self.intervals
                for cell in snapshot.row_totals()
            )

        return await self._until(has, limit_s)

    async def _until(self, holds: Callable[[], bool], limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                while not holds():
                    await self._change()
        except TimeoutError:
            return False
        return True

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def load_started(self, load: LoadInfo) -> None:
        """Hear that the load starts."""
        self._load = load
        self._changed.set()

    def interval(self, workload: str, snapshot: IntervalSnapshot) -> None:  # noqa: ARG002 - part of RunEvents
        """Hear what an interval measured."""
        self.intervals.append(snapshot)
        self._changed.set()

    def log(self, record: LogRecord) -> None:
        """Hear the plugin."""
        self.log_records.append(record)


During = Callable[[LiveRun], Awaitable[object]]


async def _may_drop(_: str) -> bool:
    """What a test drops lies in a database of its own."""
    return True


class Runner:
    """Runs one plugin on one database; call it from a test that is no coroutine.

    Args:
        record: the plugin.
        database: where its data lives.
        keys: keys of the configuration of every run.
        interval_ns: how often a run has numbers.
    """

    def __init__(
        self,
        record: PluginRecord,
        database: ScratchDatabase,
        keys: Mapping[str, Any] | None = None,
        *,
        interval_ns: int = INTERVAL_NS,
    ) -> None:
        self._record = record
        self._database = database
        self._keys = dict(keys or {})
        self._interval_ns = interval_ns

    def __call__(self, workload: str, *, setup: bool = True, **keys: Any) -> Run:
        """Run a workload type to its end.

        Args:
            workload: the type.
            setup: make the data first, unless it is there.
            keys: further keys of the configuration, such as `duration="3s"` or
                `load={"rate": "50/s"}`.

        Raises:
            StormdbError: it did not come to a load.
            KeyboardInterrupt: Ctrl-C.
        """
        return asyncio.run(self.run(workload, setup=setup, **keys))

    def config(self, workload: str, **keys: Any) -> RunConfig:
        """The configuration of a run."""
        asked = {**_PLAIN, **self._keys, **keys}
        if one := _ONE.get(asked.get("executor", "")):
            asked.setdefault(one, 1)
        flags = {**asked, "database": dict(self._database.keys)}
        return load(None, workload=workload, flags=flags, environ={})

    async def run(
        self, workload: str, *, setup: bool = True, during: During | None = None, **keys: Any
    ) -> Run:
        """The same for a coroutine.

        Args:
            workload: the type.
            setup: make the data first.
            during: what happens in the middle; the run ends with it.
            keys: further keys of the configuration.
        """
        config = self.config(workload, **keys)
        catalog = Catalog([self._record], config.plugins.limits)
        live = LiveRun()
        options = RunOptions(
            setup=setup,
            confirm=_may_drop,
            interval_ns=self._interval_ns,
            # Several runs may go on at once: Ctrl-C cancels them all.
            heeds_signals=False,
        )
        session = Session(config, catalog, live, options)
        live.of(session)
        (result,) = await (session.run() if during is None else _amid(session, live, during))
        run = summarise_run([result], {result.name: config.thresholds})
        return Run(
            result=result,
            summary=run.workloads[0],
            ending=ending_of(run),
            log=tuple(live.log_records),
        )


async def _amid(session: Session, live: LiveRun, during: During) -> tuple[RunResult, ...]:
    """Run, and do something in the middle; the run ends with it, at the latest."""

    async def act() -> None:
        try:
            await live.started()
            await during(live)
        finally:
            live.end()

    acting = asyncio.ensure_future(act())
    try:
        result = await session.run()
        if acting.done():
            acting.result()
        return result
    finally:
        acting.cancel()
        await asyncio.wait({acting})

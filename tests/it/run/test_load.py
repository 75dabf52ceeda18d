"""What the watcher of a run hears, in order, from a run in this very process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stormdb.config import load
from stormdb.plugins import Catalog
from stormdb.results import RunResult, Status
from stormdb.run import LoadInfo, LogRecord, RunOptions, Session, Silent, Stage
from tests.conftest import Database
from tests.it.run.command import PROBE

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot


class Watcher(Silent):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.started: list[Stage] = []
        self.ended: list[Stage] = []
        self.steps: list[tuple[int, int | None, str]] = []
        self.loads: list[LoadInfo] = []
        self.intervals: list[int] = []
        self.results: list[RunResult] = []
        self.logs: list[LogRecord] = []

    def stage_started(self, stage: Stage, detail: str = "") -> None:
        self.started.append(stage)

    def stage_ended(self, stage: Stage, duration_ns: int) -> None:
        self.ended.append(stage)

    def progress(self, done: int, total: int | None, what: str) -> None:
        self.steps.append((done, total, what))

    def load_started(self, load: LoadInfo) -> None:
        self.loads.append(load)

    def interval(self, workload: str, snapshot: IntervalSnapshot) -> None:
        assert workload == "probe"
        self.intervals.append(snapshot.interval_index)

    def finished(self, results: Sequence[RunResult]) -> None:
        self.results += results


def test_a_watcher_hears_the_run_in_its_order(database: Database) -> None:
    flags = {
        "plugins.files": [str(PROBE)],
        "database.host": database.host,
        "database.port": str(database.port),
        "database.username": database.user,
        "database.password": database.password,
        "database.dbname": database.dbname,
        "load.arrival": "constant",
        "load.rate": "40/s",
        "duration": "2s",
        "warm_up": "500ms",
        "workers": "4",
    }
    config = load(
        None,
        workload="probe",
        flags=flags,
        overrides=["workload_config.sleep_s=0.01"],
        environ={},
    )
    watcher = Watcher()
    session = Session(config, Catalog.discover(config.plugins), watcher, RunOptions(setup=True))
    (result,) = asyncio.run(session.run())

    assert watcher.started == watcher.ended
    assert watcher.started == [
        Stage.PLUGIN,
        Stage.CONNECT,
        Stage.CHECK,
        Stage.SETUP,
        Stage.LOAD,
        Stage.DRAIN,
        Stage.VERIFY,
    ]
    assert watcher.steps[-1] == (2, 2, "rows")
    [info] = watcher.loads
    assert (info.arrival, info.rate_per_s, info.workers) == ("constant", 40.0, 4)
    assert [(phase.name, phase.start_ns, phase.end_ns) for phase in info.phases] == [
        ("warm-up", 0, 500_000_000),
        ("steady", 500_000_000, 2_500_000_000),
    ]
    # Warm-up is cut into one interval of half a second, the steady phase into two of one.
    assert watcher.intervals[:3] == [0, 1, 2]
    assert watcher.intervals == sorted(watcher.intervals)
    assert watcher.results == [result]
    assert result.status is Status.COMPLETED
    whole = result.intervals[0].copy()
    for snapshot in result.intervals[1:]:
        whole.merge(snapshot)
    offered = {account.phase_index: account.offered for account in whole.identity()}
    assert offered == {0: 20, 1: 80}
    assert all(account.holds for account in whole.identity())
    assert result.config_digest == config.digest
    assert database.password not in repr(result)

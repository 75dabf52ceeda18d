"""Worker processes that are killed, crash, hang or do not obey: named, and nothing else is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass

import pytest

from stormdb.config import PluginLimits
from stormdb.errors import PluginError
from tests.conftest import Database
from tests.it.executor.conftest import MS_NS, SECOND_NS, Loads, RunningLoad, constant, steady

READ = "await db.fetchval('SELECT 1')"


def _workers() -> list[int]:
    """Worker processes that this process has started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split(None, 1) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, args in lines if "stormdb.executor.child" in args]


@dataclass
class Killing:
    """Kills a worker process in the middle, and knows how long after the start that was."""

    ns: int = 0

    async def __call__(self, load: RunningLoad) -> None:
        await load.until(2.5)
        victim = _workers()[-1]
        self.ns = time.monotonic_ns() - load.start_ns
        os.kill(victim, signal.SIGKILL)


def _due(rate_per_s: int, time_ns: int) -> int:
    """How many arrivals are due up to a time; the first one at once."""
    return rate_per_s * time_ns // SECOND_NS + 1


def test_a_killed_worker_process_ends_the_run_and_keeps_what_was_measured(
    loads: Loads, database: Database
) -> None:
    database.fetch("CREATE TABLE done (id int)")
    killing = Killing()
    outcome = loads.run(
        "await db.execute('INSERT INTO done VALUES (1)')",
        steady(30),
        processes=2,
        during=killing,
    )
    (problem,) = outcome.end.problems
    assert isinstance(problem, PluginError)
    assert "the process was killed during run()" in str(problem)
    assert killing.ns < outcome.end.end_ns < killing.ns + 3.5 * SECOND_NS
    counts, done = outcome.counts(), database.fetch("SELECT count(*) FROM done")[0][0]
    # Its two workers were in a call when it spoke last, and each may have ended one just then that
    # it would have told of in the next interval. What else it did in that time is not known.
    assert 2 <= counts["unfinished"] <= 4
    assert counts["committed"] < done
    assert counts["committed"] > 0.6 * done
    (warning,) = outcome.warnings
    told_loss = re.match(r"(worker process [01]) was lost (\d+\.\d+) s after the start", warning)
    assert told_loss
    assert f"{told_loss[1]}: " in str(problem)
    lost_ns = float(told_loss[2]) * SECOND_NS
    assert killing.ns - 5 * MS_NS <= lost_ns <= outcome.end.end_ns + 5 * MS_NS  # 2 digits
    told = f"{counts['unfinished']} transactions whose end it did not tell count as unfinished"
    assert told in warning
    assert "is not in the figures" in warning


def test_every_arrival_of_a_killed_process_is_accounted_for(
    loads: Loads, database: Database
) -> None:
    database.fetch("CREATE TABLE done (arrival int)")
    killing = Killing()
    outcome = loads.run(
        "await db.execute('INSERT INTO done VALUES ($1)', ctx.iteration)",
        steady(30, constant(400)),
        processes=2,
        during=killing,
    )
    counts, done = outcome.counts(), database.fetch("SELECT count(*) FROM done")[0][0]
    # Both offered what came due until one was killed, and neither anything after the end.
    assert _due(400, killing.ns) <= counts["offered"] <= _due(400, outcome.end.end_ns)
    # Every second arrival was the lost process's; those since its last word are unfinished.
    (lost,) = map(int, re.findall(r"worker process (\d) was lost", outcome.warnings[0]))
    *told, _ = [one for one in outcome.snapshots if lost in one.processes]
    open_count = sum(phase.in_flight for one in told for phase in one.identity())
    silent_ns = outcome.end.end_ns - max(one.last_interval.end_ns for one in told)
    assert 0 < counts["unfinished"] <= open_count + _due(200, silent_ns)
    assert counts["committed"] <= done <= counts["committed"] + counts["unfinished"]
    assert f"{counts['unfinished']} transactions" in outcome.warnings[0]
    assert "not in the figures" not in outcome.warnings[0]


@pytest.mark.parametrize(
    ("crime", "told"),
    [
        ("os._exit(3)", "run() ended its process with exit status 3 by os._exit"),
        ("sys.exit('enough')", "run() called sys.exit('enough')"),
        ("import ctypes; ctypes.string_at(1)", "run() crashed its process: segmentation fault"),
        ("bytearray(4 << 30)", "run() needs more memory than the limit of 1.0 GiB"),
        ("time.sleep(999)", "run() did not end within"),
    ],
)
def test_code_that_ruins_its_process_is_named_with_its_place(
    loads: Loads, crime: str, told: str
) -> None:
    outcome = loads.run(
        f"""
        {READ}
        if ctx.worker == 3 and ctx.iteration >= 50:
            {crime}
        """,
        steady(1.5),
        processes=2,
        drain_ns=200 * MS_NS,
        limits=PluginLimits(load_timeout="30s", memory="1GiB"),
    )
    problem = next(one for one in outcome.end.problems if told in str(one))
    assert isinstance(problem, PluginError)
    assert "work.py:11" in str(problem)
    counts = outcome.counts()
    assert counts["committed"] > 50
    assert outcome.total_ns < 7 * SECOND_NS


def test_a_call_that_ignores_its_cancellation_is_named_with_its_place(loads: Loads) -> None:
    outcome = loads.run(
        f"""
        {READ}
        while True:
            try:
                await asyncio.sleep(3600)
            except BaseException:
                pass
        """,
        steady(0.5),
        workers=2,
        drain_ns=200 * MS_NS,
    )
    (problem,) = outcome.end.problems
    assert "does not end its run() when it is cancelled" in str(problem)
    assert "work.py:12 (Work.run)" in str(problem)
    assert outcome.counts() == {
        "offered": 2, "committed": 0, "failed": 0, "dropped": 0, "unfinished": 2
    }  # fmt: skip
    assert outcome.total_ns < 6 * SECOND_NS


def test_a_plugin_whose_every_call_fails_ends_the_run_at_once(loads: Loads) -> None:
    outcome = loads.run("cfg.option('absent')['key']", steady(30), processes=2)
    problem = outcome.end.problems[0]
    assert isinstance(problem, PluginError)
    assert "failed in each of its first 20 calls of run(): TypeError: " in str(problem)
    assert "work.py:9" in str(problem)
    counts = outcome.counts()
    assert counts["failed"] == counts["offered"] >= 20
    assert outcome.merged.examples["PYEXC"].endswith("(work.py:9)")
    assert outcome.total_ns < 5 * SECOND_NS


def test_an_error_that_brings_its_own_hint_is_told_with_that_alone(loads: Loads) -> None:
    outcome = loads.run("metrics.record('ratio', float('nan'))", steady(30))
    (problem,) = outcome.end.problems
    assert "calls of run(): ValueError: " in str(problem)
    assert str(problem).count("hint:") == 1
    assert "mend the workload" not in str(problem)


def test_server_errors_never_end_a_run(loads: Loads) -> None:
    outcome = loads.run("await db.fetch('SELECT * FROM missing')", steady(1))
    assert outcome.end.problems == []
    assert set(outcome.row().failed) == {"42P01"}


def test_a_call_that_never_waits_leaves_room_for_the_rest(loads: Loads) -> None:
    outcome = loads.run("metrics.count('spins')", steady(2), workers=2)
    assert outcome.end.problems == []
    assert outcome.end.end_ns < 3 * SECOND_NS
    assert sorted(outcome.per_second()) == [0, 1, 2]
    assert outcome.merged.counters["spins"] == outcome.counts()["committed"] > 1000

"""`stormdb calibrate` measures, keeps, and later reports use it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.it.run.command import Command, ended, wait_for

QUICK = ("--seconds", "0.2", "--threads", "1", "--connections", "2")


def test_each_shape_is_measured_and_kept(tmp_path: Path) -> None:
    command = Command(folder=tmp_path)
    done = command("calibrate", *QUICK, "--json")
    assert done.code == 0, done.err
    assert "4 of 4: coroutine, 1 process, tcp, 2 connections: " in done.err
    ceilings: list[dict[str, Any]] = json.loads(done.out)["ceilings"]
    shapes = [(one["executor"], one["transport"]) for one in ceilings]
    assert shapes == [(e, t) for e in ("native", "coroutine") for t in ("unix", "tcp")]
    for one in ceilings:
        assert one["throughput_per_s"] > 100
        assert 0 < one["busy_ratio"] < 1.2
        assert 0 < one["server_busy_ratio"] < 1.2
        # CPU per transaction is what the busy part of the time was spent on.
        spent = one["cpu_ns"] * one["throughput_per_s"] / 1e9
        assert spent == pytest.approx(one["busy_ratio"], rel=0.01)
        assert one["schedule_lag_p99_ns"] > 0
    assert all(one["io"] in {"uring", "poll"} for one in ceilings[:2])
    (file,) = (tmp_path / ".cache" / "stormdb" / "calibration").iterdir()
    assert json.loads(file.read_text())["ceilings"] == ceilings
    assert command.left_behind() == []


def test_a_later_report_says_how_much_of_it_was_used(tmp_path: Path, database: Database) -> None:
    command = Command(folder=tmp_path, database=database)
    words = ("--executor", "native", "--connections", "1")
    assert command("calibrate", *QUICK[:4], *words).code == 0
    run = ("run", "read", "--setup", "--rate", "50", "-d", "2s", "--set", "threads=1")
    report = tmp_path / "report.json"
    done = command(*run, *command.server(), "--json", str(report))
    assert "verdict        at the offered rate: all that was offered was served" in done.out
    assert "· ceiling used " in done.out
    verdict = json.loads(report.read_text())["verdict"]
    assert verdict["kind"] == "offered_rate"
    assert 0 < verdict["busy_ratio"] < 1
    assert verdict["ceiling"]["connections"] == 1
    assert verdict["ceiling"]["used_ratio"] == pytest.approx(
        verdict["ceiling"]["statements_per_s"] / verdict["ceiling"]["ceiling_per_s"]
    )
    assert verdict["ceiling"]["statements_per_s"] == pytest.approx(50, rel=0.1)


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    command = Command(folder=tmp_path)
    process = command.start("calibrate", "--seconds", "1", "--executor", "native")
    wait_for(process, "1 of ")
    process.send_signal(signal.SIGINT)
    end = ended(process)
    assert end.code == 130
    assert "Traceback" not in end.err
    assert command.left_behind() == []
    assert not (tmp_path / ".cache").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--executor", "both!"], "--executor: 'both!' is unknown; hint: use one of native"),
        (["--io", "magic"], "--io: 'magic' is unknown; hint: use one of auto, uring, poll"),
        (["--connections", "1,x"], "--connections: '1,x' is not a list of numbers from 1 to 4096"),
        (["--threads", "0"], "--threads: '0' is not a list of numbers from 1 to 256"),
        (["--threads", "4", "--connections", "2"], "each thread needs a connection"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, words: list[str], message: str) -> None:
    done = Command(folder=tmp_path)("calibrate", *words)
    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert done.err.count("\n") == 1

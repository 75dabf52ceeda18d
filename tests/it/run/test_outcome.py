"""How a run ends: exit codes, reports and files, whatever happened."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, database_of
from tests.it.run.command import Command, ended, wait_for


def report(stormdb: Command) -> dict[str, Any]:
    return dict(json.loads((stormdb.folder / "report.json").read_text()))


def test_a_run_that_meets_its_thresholds_ends_with_0(stormdb: Command) -> None:
    words = ["--set", "thresholds=[p99 < 30s, error_ratio < 1%, throughput > 1/s]"]
    run = stormdb(*stormdb.probe("--setup", "--json", "report.json", *words))
    assert run.code == 0, run.err
    found = report(stormdb)
    assert (found["run"]["status"], found["met"]) == ("completed", True)
    assert "probe · completed" in run.out


def test_a_missed_threshold_ends_with_4(stormdb: Command) -> None:
    words = ["--set", "thresholds=[p99 < 1ms, error_ratio < 1%]"]
    run = stormdb(*stormdb.probe("--setup", *words))
    assert run.code == 4
    assert run.err.endswith("stormdb: threshold missed: p99 < 1ms\n")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("broken", "verify: probe is well does not hold: it was told so"),
        ("raise", "verify() raised RuntimeError: verify was told to raise"),
        ("exit", "verify() ended its process with exit status 7"),
    ],
)
def test_a_verify_that_fails_ends_with_3_and_keeps_the_report(
    stormdb: Command, behaviour: str, reason: str
) -> None:
    run = stormdb(*stormdb.probe("--setup", "--json", "report.json", verify=behaviour))
    assert run.code == 3
    assert reason in run.err.splitlines()[-1]
    assert report(stormdb)["intervals"]
    texts = {warning["code"]: warning["text"] for warning in report(stormdb)["warnings"]}
    assert "failed" not in texts
    if behaviour != "broken":
        assert texts["failed_after"].startswith("the load went to its end, what came after it fail")


def test_a_run_without_a_commit_never_ends_with_0(stormdb: Command) -> None:
    run = stormdb(*stormdb.probe("--setup", run="fail"))
    assert run.code == 5
    assert "the numbers cannot be trusted: no transaction was committed" in run.err
    assert "22012" in run.out
    assert "division by zero" in run.out


def test_plugin_code_that_ends_its_process_ends_the_run_with_5(stormdb: Command) -> None:
    run = stormdb(*stormdb.probe("--setup", "-d", "60s", run="exit"))
    assert run.code == 5
    assert "plugin probe: run() ended its process with exit status 7" in run.err
    assert "probe · failed" in run.out


def test_a_killed_worker_process_costs_the_rest_of_the_run_only(stormdb: Command) -> None:
    words = ["--setup", "-d", "60s", "--json", "report.json"]
    run = stormdb.start(*stormdb.probe(*words, sleep_s="0.01"))
    wait_for(run, "load: probe")
    time.sleep(2.5)
    workers = [pid for pid, line in stormdb.processes() if "stormdb.executor.child" in line]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    end = ended(run, limit_s=30)
    assert end.code == 5
    assert "worker process" in end.err.splitlines()[-1]
    assert "plugin probe: the process was killed during run()" in end.err.splitlines()[-1]
    found = report(stormdb)
    assert found["run"]["status"] == "failed"
    assert sum(interval["committed_count"] for interval in found["intervals"]) > 100
    assert stormdb.left_behind() == []


def test_a_server_that_goes_away_is_reported_and_the_run_ends_in_time(tmp_path: Path) -> None:
    with EmbeddedServer(settings=FAST_SETTINGS) as server:
        stormdb = Command(folder=tmp_path, database=database_of(server))
        words = ["--setup", "-d", "6s", "--json", "report.json"]
        run = stormdb.start(*stormdb.probe(*words, sleep_s="0.01"))
        wait_for(run, "load: probe")
        time.sleep(2)
        server.stop()
        start = time.monotonic()
        end = ended(run, limit_s=40)
    assert time.monotonic() - start < 20
    assert end.code == 2
    assert "the workload's invariants could not be verified: " in end.err.splitlines()[-1]
    assert "Traceback" not in end.err
    found = report(stormdb)
    assert found["run"]["status"] == "failed"
    committed = [interval["committed_count"] for interval in found["intervals"]]
    assert sum(committed[:2]) > 0
    assert committed[-1] == 0
    assert sum(interval["failed_count"] for interval in found["intervals"][2:]) > 0


def test_one_output_that_cannot_be_written_costs_none_of_the_others(stormdb: Command) -> None:
    words = ["--json", "/dev/full", "--csv", "a.csv", "--hdr", "a.hdr"]
    run = stormdb(*stormdb.probe("--setup", *words))
    assert run.code == 1
    assert "stormdb: /dev/full: the file cannot be written: No space left on device" in run.err
    assert (stormdb.folder / "a.csv").stat().st_size > 0
    assert (stormdb.folder / "a.hdr").stat().st_size > 0
    assert "probe · completed" in run.out


def test_a_log_file_on_a_full_disk_is_told_once_and_the_run_goes_on(stormdb: Command) -> None:
    run = stormdb(*stormdb.probe("--setup", "-vv", "--log-file", "/dev/full"))
    assert run.code in {0, 5}, run.err  # 5: a busy machine
    told = "warning: /dev/full: log records are lost: No space left on device"
    assert run.err.count(told) == run.err.count("/dev/full") == 1
    assert "Traceback" not in run.err


def test_json_on_standard_output_is_alone_there(stormdb: Command) -> None:
    run = stormdb(*stormdb.probe("--setup", "--json", "-"))
    assert json.loads(run.out)["run"]["workload"] == "probe"
    assert "probe · completed" in run.err


def test_quiet_says_nothing_when_all_is_well(stormdb: Command) -> None:
    run = stormdb(*stormdb.probe("--setup", "--quiet", "--json", "report.json"))
    assert (run.code, run.out, run.err) == (0, "", "")
    assert report(stormdb)["run"]["status"] == "completed"


def test_a_password_that_plugin_code_tells_is_nowhere(stormdb: Command) -> None:
    assert stormdb.database
    password = stormdb.database.password
    stormdb.environment["PROBE_SECRET"] = password
    words = ["--setup", "--json", "report.json", "--csv", "report.csv"]
    run = stormdb(*stormdb.probe(*words, run="tell", verify="broken"))
    assert run.code == 5
    assert "ValueError: cannot log in with ***" in run.err
    found = report(stormdb)
    assert found["failures"][0]["example"].startswith("ValueError: cannot log in with *** (")
    assert found["run"]["findings"] == [{"name": "probe is well", "ok": False, "detail": "***"}]
    files = [path.read_text() for path in stormdb.folder.glob("report.*")]
    for text in (run.out, run.err, *files):
        assert password not in text


def test_the_password_is_nowhere(stormdb: Command) -> None:
    assert stormdb.database
    words = ["-vv", "--log-file", "run.log", "--json", "report.json"]
    run = stormdb(*stormdb.probe("--setup", *words))
    log, password = (stormdb.folder / "run.log").read_text(), stormdb.database.password
    assert "CREATE SCHEMA" in log
    for text in (run.out, run.err, log, (stormdb.folder / "report.json").read_text()):
        assert password not in text


def test_the_quick_start_runs_on_a_server_of_its_own(stormdb_alone: Command) -> None:
    run = stormdb_alone("run", "quickstart", "-d", "2s", "--json", "report.json")
    found = report(stormdb_alone)
    # On a busy machine the report rightly says that the generator was late.
    assert run.code in {0, 5}, run.err
    assert found["run"]["server"]["embedded"] is True
    assert found["run"]["findings"]
    assert all(finding["ok"] for finding in found["run"]["findings"])
    names = {row["name"] for row in found["transactions"]}
    assert names == {"balance", "history", "transfer"}
    assert stormdb_alone.left_behind() == []


def test_the_short_form_is_a_run(stormdb: Command) -> None:
    (stormdb.folder / "stormdb.yaml").write_text(
        "workload: quickstart_read\nscale: 1\nduration: 500ms\nworkers: 1\n"
    )
    run = stormdb("-c", "stormdb.yaml", "--setup", *stormdb.server())
    assert run.code in {0, 5}, run.err
    assert "quickstart_read · completed" in run.out

"""Native runs by the command: exit codes, files, signals, the live view."""

from __future__ import annotations

import csv
import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from jsonschema import Draft202012Validator

from stormdb._native import HIGHEST_TIME_NS
from tests.conftest import Database
from tests.it.report.test_live import screen
from tests.it.run.command import Command, ended, wait_for
from tests.it.run.native import DESCRIBED, config_of

SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "report-v1.json"


def words(stormdb: Command, workload: str, *more: str) -> list[str]:
    options = ["--plugin", str(DESCRIBED), "--setup", "-d", "500ms", *stormdb.server()]
    return ["run", workload, *options, *more]


def report(stormdb: Command) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((stormdb.folder / "report.json").read_text())
    return found


def test_the_report_says_what_carried_the_load(stormdb: Command) -> None:
    run = stormdb(*words(stormdb, "outcomes", "--threads", "1", "--json", "report.json"))
    found = report(stormdb)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(found)
    executor = found["run"]["executor"]
    assert (executor["kind"], executor["threads"]) == ("native", 1)
    explained = stormdb("explain", "outcomes", "--plugin", str(DESCRIBED))
    assert executor["program_digest"] in explained.out
    short = executor["program_digest"].removeprefix("sha256:")[:12]
    assert f"program {short}; 4 workers, 4 connections" in run.out
    assert "4 connections, 1 engine thread" in run.err
    assert {row["name"] for row in found["transactions"]} == {"back", "commit", "divide", "miss"}
    assert "commit / SELECT 1" in {row["name"] for row in found["operations"]}


def test_csv_and_histograms_hold_the_same_counts(stormdb: Command) -> None:
    files = ("--json", "report.json", "--csv", "run.csv", "--hdr", "run.hdr")
    stormdb(*words(stormdb, "look", "--rate", "200", *files))
    committed = report(stormdb)["total"]["committed_count"]
    assert committed > 0
    with (stormdb.folder / "run.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "total"]
    assert sum(int(row["committed_count"]) for row in rows) == committed
    log = HistogramLogReader(str(stormdb.folder / "run.hdr"), HdrHistogram(1, HIGHEST_TIME_NS, 3))
    counts: Counter[str] = Counter()
    while (histogram := log.get_next_interval_histogram()) is not None:
        counts[histogram.get_tag()] += histogram.get_total_count()
    log.close()
    assert committed in counts.values()


@pytest.mark.parametrize(
    ("workload", "more", "code", "message"),
    [
        (
            "look",
            ("--set", "thresholds=[throughput > 10M/s]"),
            4,
            "threshold missed: throughput > 10M/s",
        ),
        (
            "look",
            ("--set", "workload_config.is_broken=true"),
            3,
            "verify: it is well does not hold",
        ),
        ("mistake", (), 3, "described.py:"),
        ("look", ("--executor", "coroutine"), 1, "has no run()"),
        ("look", ("--threads", "9"), 1, "9 threads cannot share 4 workers"),
        ("look", ("--io", "fast"), 1, "'fast' is not allowed; hint: allowed are auto, uring, poll"),
    ],
)
def test_exit_codes_are_those_of_every_run(
    stormdb: Command, workload: str, more: tuple[str, ...], code: int, message: str
) -> None:
    # The statements sleep in the server, so that a busy machine leaves the figures alone.
    run = stormdb(*words(stormdb, workload, "--set", "workload_config.sleep_s=0.2", *more))
    assert run.code == code, run.err
    assert message in run.err
    assert "Traceback" not in run.err


def test_a_threshold_that_is_met_is_no_failure(stormdb: Command) -> None:
    thresholds = "thresholds=[look.p50 < 10s, error_ratio < 1%]"
    run = stormdb(*words(stormdb, "look", "--rate", "20", "--set", thresholds))
    # On a busy machine the report rightly says that the generator was late.
    assert run.code in {0, 5}, run.err
    assert "threshold missed" not in run.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_load_with_a_partial_report(
    stormdb: Command, number: signal.Signals
) -> None:
    run = stormdb.start(*words(stormdb, "look", "-d", "60s", "--json", "report.json"))
    wait_for(run, "load: look")
    time.sleep(1)
    run.send_signal(number)
    end = ended(run, limit_s=20)
    assert end.code == 130
    assert "stormdb: interrupted: the report is about a part of the run" in end.err
    assert "look · interrupted" in end.out
    found = report(stormdb)
    assert found["run"]["status"] == "interrupted"
    assert found["total"]["committed_count"] > 0
    assert found["accounting"]["holds"]
    assert stormdb.left_behind() == []


def test_two_signals_end_at_once(stormdb: Command) -> None:
    options = ("-d", "60s", "--set", "workload_config.sleep_s=60")
    run = stormdb.start(*words(stormdb, "look", *options))
    wait_for(run, "load: look")
    run.send_signal(signal.SIGINT)
    wait_for(run, "once more ends at once")
    run.send_signal(signal.SIGINT)
    end = ended(run, limit_s=20)
    assert end.code == 130
    assert "interrupted twice: ended at once, without a report" in end.err
    assert stormdb.left_behind() == []


def test_the_password_is_nowhere(stormdb: Command) -> None:
    assert stormdb.database
    options = ("-vv", "--log-file", "run.log", "--json", "report.json")
    run = stormdb(*words(stormdb, "outcomes", *options))
    log, password = (stormdb.folder / "run.log").read_text(), stormdb.database.password
    for text in (run.out, run.err, log, (stormdb.folder / "report.json").read_text()):
        assert password not in text


def test_the_live_view_shows_a_native_run(database: Database, tmp_path: Path) -> None:
    # The password comes from a file: a command line can be read by everybody.
    passfile = tmp_path / "pass"
    passfile.write_text(f"{database.host}:{database.port}:*:{database.user}:{database.password}\n")
    passfile.chmod(0o600)
    file = tmp_path / "stormdb.yaml"
    config = config_of(database, "outcomes", duration="4s", load__rate="50/s").public()
    config["database"]["passfile"] = str(passfile)
    config["plugins"].pop("paths")
    file.write_text(json.dumps(config))
    with screen("run", "-c", str(file), "--setup") as shown:
        shown.read_until("last interval")
        assert "workers busy" in shown.text
        assert shown.read_to_end() in {0, 5}
    report = shown.text[shown.text.rindex("stormdb 0") :]
    assert "executor   native" in report
    assert "22012 division_by_zero" in report

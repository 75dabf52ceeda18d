"""`workloads`: several at once, on a real server, as a user runs them."""

from __future__ import annotations

import csv
import json
import signal
from typing import Any

from tests.it.run.command import PROBE, Command, ended, wait_for
from tests.support.wheels import make_wheel

SECOND_NS = 10**9
NEEDY = """# /// script
# requires-python = ">=3.11"
# dependencies = ["tinylib=={version}"]
# ///
import tinylib

from stormdb.plugin import Finding, PluginMetadata, Workload, WorkloadPlugin


class Needy(Workload):
    async def setup(self, ctx, db, cfg):
        await db.execute("CREATE TABLE IF NOT EXISTS item (id int)")

    async def run(self, ctx, db, cfg, metrics):
        async with metrics.operation(f"with tinylib {{tinylib.VERSION}}"):
            await db.execute("SELECT pg_sleep(0.01)")

    async def verify(self, ctx, db, cfg):
        return [Finding(name=tinylib.VERSION, ok=True)]


class Plugin(WorkloadPlugin):
    def get_metadata(self):
        return PluginMetadata(name="{name}", version="1.0.0", workload_types=["{name}"])

    def create_workload(self, workload_type):
        return Needy()


PLUGIN = Plugin()
"""


def write(stormdb: Command, text: str) -> None:
    """The configuration, on the test's server."""
    database = stormdb.database
    assert database
    (stormdb.folder / "a.yaml").write_text(
        f"database: {{host: {database.host}, port: {database.port}, username: {database.user}, "
        f"dbname: {database.dbname}}}\n{text}"
    )


def report_of(stormdb: Command) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((stormdb.folder / "r.json").read_text())
    assert report["format"] == "stormdb.run/1"
    return report


def test_two_native_workloads_are_told_each_and_together_on_one_clock(stormdb: Command) -> None:
    write(
        stormdb,
        """
duration: 4s
workloads:
  checkout:
    workload: simple
    load: {arrival: constant, rate: 50/s}
    thresholds: [p99 < 1us]
  books:
    workload: tpcb
    workers: 2
    start_after: 2s
thresholds: [error_count < 1]
""",
    )
    files = ["--json", "r.json", "--csv", "r.csv", "--hdr", "r.hdr"]
    end = stormdb("run", "-c", "a.yaml", "--setup", *files)
    report = report_of(stormdb)
    # A machine that is busy with other things makes doubtful numbers, which come first.
    assert end.code == (4 if report["trusted"] else 5), end.err
    if report["trusted"]:
        assert "stormdb: checkout: threshold missed: p99 < 1us" in end.err
        assert "stormdb: together" not in end.err
    assert not report["met"]
    checkout, books = report["workloads"]
    assert [one["run"]["name"] for one in report["workloads"]] == ["checkout", "books"]
    assert (checkout["run"]["start_after_ns"], books["run"]["start_after_ns"]) == (0, 2 * SECOND_NS)
    assert (checkout["accounting"]["planned_ns"], books["accounting"]["planned_ns"]) == (
        4 * SECOND_NS,
        2 * SECOND_NS,
    )
    whole = report["together"]
    assert whole["accounting"]["holds"]
    assert checkout["accounting"]["offered_count"] == 200
    for count in ("offered_count", "committed_count", "failed_count"):
        assert whole["accounting"][count] == sum(
            one["accounting"][count] for one in report["workloads"]
        )
    assert whole["thresholds"][0]["is_met"]
    # The time line is that of the run: nothing of the later one in its first two seconds.
    by_second = [point["throughput_by_workload"] for point in whole["intervals"]]
    assert [first_s[1] for first_s in by_second[:2]] == [0.0, 0.0]
    assert by_second[2][1] > 0
    with (stormdb.folder / "r.csv").open() as file:
        rows = list(csv.DictReader(file))
    starts = {row["workload"]: row["start_s"] for row in reversed(rows)}
    assert starts == {"checkout": "0.000", "books": "2.000"}
    tags = (stormdb.folder / "r.hdr").read_text()
    assert "Tag=checkout.read.response_time" in tags
    assert "Tag=books.tpcb.service_time" in tags
    assert stormdb.left_behind() == []


def test_one_that_breaks_off_ends_all_and_what_was_measured_is_kept(stormdb: Command) -> None:
    write(
        stormdb,
        f"""
duration: 60s
plugins: {{files: [{PROBE}]}}
workloads:
  checkout: {{workload: simple, load: {{arrival: constant, rate: 50/s}}}}
  probe:
    start_after: 2s
    processes: 1
    workload_config: {{run: exit}}
""",
    )
    end = stormdb("run", "-c", "a.yaml", "--setup", "--json", "r.json")
    assert end.code == 5
    assert "stormdb: checkout: ended early, for probe broke off" in end.err
    assert "stormdb: probe: " in end.err
    assert "ended early" not in end.err.partition("stormdb: probe: ")[2]
    report = report_of(stormdb)
    checkout, _ = report["workloads"]
    assert not report["trusted"]
    assert checkout["accounting"]["offered_count"] >= 2 * 50
    assert checkout["accounting"]["committed_count"] > 0
    assert checkout["accounting"]["length_ns"] < 50 * SECOND_NS
    assert report["together"]["accounting"]["holds"]
    assert stormdb.left_behind() == []


def test_ctrl_c_ends_all_of_them_also_who_has_not_begun(stormdb: Command) -> None:
    write(
        stormdb,
        f"""
duration: 120s
plugins: {{files: [{PROBE}]}}
workloads:
  checkout: {{workload: simple}}
  later: {{workload: simple, start_after: 60s}}
  probe: {{processes: 1, start_after: 61s}}
""",
    )
    run = stormdb.start("run", "-c", "a.yaml", "--setup", "-s", "1s", "--json", "r.json")
    told = wait_for(run, " steady ")  # a line of figures: the first workload runs
    # Both of one plugin have the data that was made once.
    assert told.count("  setup: checkout") + told.count("  setup: later") == 1
    run.send_signal(signal.SIGINT)
    end = ended(run, limit_s=30)
    assert end.code == 130, end.err
    checkout, *others = report_of(stormdb)["workloads"]
    assert checkout["accounting"]["committed_count"] > 0
    assert [one["accounting"]["offered_count"] for one in others] == [0, 0]
    assert stormdb.left_behind() == []


def test_plugins_with_conflicting_dependencies_run_side_by_side(stormdb: Command) -> None:
    for name, version in (("one", "1.0"), ("two", "2.0")):
        files = {"tinylib.py": f"VERSION = '{version}'\n"}
        make_wheel(stormdb.folder / "wheels", "tinylib", version, files)
        source = NEEDY.replace("{{", "{").replace("}}", "}")
        source = source.replace("{name}", name).replace("{version}", version)
        (stormdb.folder / f"{name}.py").write_text(source)
    write(
        stormdb,
        """
duration: 2s
workers: 1
plugins: {files: [one.py, two.py], wheels: wheels}
workloads:
  one: {}
  two: {}
""",
    )
    end = stormdb("run", "-c", "a.yaml", "--setup", "--json", "r.json")
    report = report_of(stormdb)
    assert end.code == (0 if report["trusted"] else 5), end.err
    for one, version in zip(report["workloads"], ("1.0", "2.0"), strict=True):
        assert one["run"]["plugin"]["packages"] == [f"tinylib=={version}"]
        assert [row["name"] for row in one["transactions"]] == [f"with tinylib {version}"]
        assert one["run"]["findings"][0]["name"] == version


def test_the_server_needs_room_for_all_pools_together(stormdb: Command) -> None:
    # It has room for each of them.
    write(stormdb, "workloads:\n  simple: {workers: 200}\n  tpcb: {workers: 150}\n")
    end = stormdb("run", "-c", "a.yaml", "--setup")
    assert end.code == 2
    assert "a.yaml:2: workloads: the pool needs 350 connections" in end.err

"""A plugin that was written for the oldest contract that counts is installed and runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stormdb.plugin import API_VERSION
from stormdb.plugins.digest import digest
from tests.it.plugins.conftest import run_stormdb, stormdb

if TYPE_CHECKING:
    from tests.conftest import Database

PROJECT = Path(__file__).parents[2] / "fixtures" / "oldest_api"
AS_IT_WAS = "51d4fe94f90b87ff9afdabc16144f1dd2775fdf3b336fe07508280c165dd51b7"


def reported(workload: str, database: Database, folder: Path) -> dict[str, Any]:
    """The report of a short run."""
    report = folder / f"{workload}.json"
    done = run_stormdb(
        *("run", workload, "--setup", "--duration", "1s", "--scale", 2, "--json", report),
        *("--host", database.host, "--port", database.port, "--username", database.user),
        *("--dbname", database.dbname, "--set", "mode=odd", "--set", "workload_config.step=3"),
    )
    assert done.returncode in {0, 5}, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def test_the_oldest_api_is_still_supported(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert API_VERSION.partition(".")[0] == "1", "the oldest contract is 2.0 now: write its plugin"
    # Whoever changes the fixture changes what "still works" means.
    assert digest([PROJECT / "src" / "oldest_api", PROJECT / "pyproject.toml"]) == AS_IT_WAS
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PGPASSWORD", database.password)
    monkeypatch.chdir(tmp_path)
    done = run_stormdb("plugins", "build", PROJECT)
    assert done.returncode == 0, done.stderr
    stormdb("plugins", "install", done.stdout.strip())
    listed = json.loads(stormdb("plugins", "list", "--json"))
    (facts,) = [one for one in listed if one["name"] == "oldest_api"]
    assert (facts["kind"], facts["metadata"]["api_version"]) == ("wheel", "1.0")

    report = reported("oldest_run", database, tmp_path)
    names = {row["name"]: row for row in report["transactions"]}
    assert names["timed"]["committed_count"] > 0
    assert names["told"]["committed_count"] > 0
    assert names["refused"]["failed_count"] == 1
    assert [finding["ok"] for finding in report["run"]["findings"]] == [True]
    report = reported("oldest_described", database, tmp_path)
    assert {row["name"] for row in report["transactions"]} == {"update", "read"}
    assert report["total"]["committed_count"] > 0
    assert report["failures"] == []

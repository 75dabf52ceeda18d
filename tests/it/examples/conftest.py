"""Runs of the example plugin by the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SINGLE_FILE = ROOT / "examples" / "plugins" / "my_workload.py"
PROJECT = ROOT / "examples" / "plugins" / "my_workload"
ROWS_PER_SCALE = 1000

# What a run may find on a machine that is busy with other tests.
BUSY = "the numbers show the generator"


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs `stormdb` in a folder of its own."""

    folder: Path

    def command(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Any command; what it printed is in the result."""
        return subprocess.run(
            [Path(sys.executable).with_name("stormdb"), *arguments],
            cwd=self.folder,
            env={**os.environ, "NO_COLOR": "1", **variables},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def load(self, plugin: Path, workload: str, **keys: Any) -> dict[str, Any]:
        """A short run on new data, and its JSON report.

        Args:
            plugin: what `plugins.files` names.
            workload: the workload type.
            keys: further keys of the configuration.
        """
        config = {
            "plugins": {"files": [str(plugin)], "auto_load": False},
            "workload": workload,
            "duration": "1s",
            "workers": 2,
            **keys,
        }
        (self.folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        report = self.folder / "report.json"
        done = self.command("-c", "config.json", "--rebuild", "--yes", "--json", report)
        assert done.returncode == 0 or BUSY in done.stderr, done.stdout + done.stderr
        return dict(json.loads(report.read_text(encoding="utf-8")))


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner in an empty folder."""
    return Runner(folder=tmp_path)


def committed(report: dict[str, Any]) -> dict[str, int]:
    """Committed transactions of a report, by name."""
    return {row["name"]: row["committed_count"] for row in report["transactions"]}

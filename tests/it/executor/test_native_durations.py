"""Recorded service times beside the durations that the server logs, statement by statement."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "bench" / "truth.py"


def test_each_service_time_is_the_servers_duration_and_the_way_there_and_back(
    tmp_path: Path,
) -> None:
    """How much longer the way may take is for the benchmark; here other tests take their turns."""
    file = tmp_path / "truth.json"
    command = [sys.executable, BENCH, "--statements", "1000", "--json", file]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    rows = {row["protocol"]: row for row in json.loads(file.read_text())["rows"]}
    assert set(rows) == {"prepared", "extended", "simple", "pgbench, prepared"}
    for row in rows.values():
        assert row["statements"] == 1000
        # Never shorter than in the server, but for the histogram's 0.1 % of 5 ms; and where nothing
        # came in between, hardly longer.
        assert -10 < row["least_us"] < 500
        assert row["p50_us"] < 5000

"""`stormdb plugins test` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.errors import ExitCode
from tests.it.testing.mutants import HONEST, MUTANTS

if TYPE_CHECKING:
    from stormdb.testing import ScratchServer

COMMAND = Path(sys.executable).with_name("stormdb")


def stormdb(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "plugins", "test", *words], check=False, capture_output=True, text=True
    )


def test_a_broken_promise_is_told_and_is_the_exit_code(
    stormdb_server: ScratchServer, tmp_path: Path
) -> None:
    plugin = MUTANTS["type that is not listed"].write(tmp_path)
    url, report = stormdb_server.administration.url, tmp_path / "report.xml"
    done = stormdb(plugin, "--url", url, "--only", "type_", "--json", "--junit", report)
    assert done.returncode == ExitCode.WORKLOAD, done.stderr
    broken = [one for one in json.loads(done.stdout)["promises"] if one["outcome"] == "broken"]
    assert [one["name"] for one in broken] == ["a_type_that_is_not_listed_is_refused"]
    assert '<failure message="create_workload(' in report.read_text(encoding="utf-8")
    assert stormdb_server.administration.target.password not in done.stdout + done.stderr


def test_mistakes_of_the_command_line_are_told(tmp_path: Path) -> None:
    for words, message, code in (
        ([HONEST, "--only", "nonsense"], "no promise has 'nonsense' in its name", 1),
        ([HONEST, "--declare", "writs=1"], "did you mean writes=", 1),
        ([tmp_path / "nowhere.py"], "there is no file or folder", 3),
        ([HONEST, "--url", "mysql://x"], "'mysql' is not PostgreSQL", 1),
        ([HONEST, "--url", "postgresql://127.0.0.1:1/x"], "nothing listens there", 2),
    ):
        done = stormdb(*words)
        assert (done.returncode, message in done.stderr) == (code, True), done
        assert "Traceback" not in done.stderr

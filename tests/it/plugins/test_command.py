"""`stormdb plugins` and `stormdb workloads` as a user types them."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.errors import ExitCode
from tests.it.plugins.conftest import COMMAND, FIXTURES, run_stormdb

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from tests.conftest import Database


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with one good plugin and two broken ones in ./plugins."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    shutil.copy(FIXTURES / "talker.py", plugins)
    for name in ("syntax_error.py", "workload_sync.py"):
        shutil.copy(FIXTURES / "malformed" / name, plugins)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(done: subprocess.CompletedProcess[str]) -> str:
    """All that the user sees, without what differs between machines and versions."""
    text = f"{done.stdout}-- stderr --\n{done.stderr}-- exit code {done.returncode} --"
    text = re.sub(r"^.*quickstart.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"(?<=\S) {2,}", "  ", text)  # columns are as wide as the built-in plugins
    text = re.sub(r"(landlock:) .*", r"\1 <version>", text)
    return re.sub(r"(sha256:? ?)[0-9a-f]+", r"\1<digest>", text).replace(str(Path.cwd()), "<here>")


def test_what_people_read(folder: Path, snapshot: SnapshotAssertion) -> None:
    for words in (
        "plugins list",
        "workloads list",
        "plugins info talker",
        "plugins info ./plugins/talker.py",
        "plugins info talkr",
        "plugins check plugins/talker.py",
        "plugins check plugins/talker.py plugins/workload_sync.py plugins/syntax_error.py",
        "plugins check nowhere.py",
        "plugins list --plugin nowhere.py",
    ):
        assert f"$ stormdb {words}\n{shown(run_stormdb(*words.split()))}" == snapshot(name=words)


def test_a_path_is_checked_for_itself_whatever_else_has_its_name(folder: Path) -> None:
    shutil.copy(folder / "plugins" / "talker.py", folder / "plugins" / "copy.py")
    done = run_stormdb("plugins", "check", "plugins/talker.py")
    assert done.returncode == 0
    assert "talker 2.1" in done.stdout
    done = run_stormdb("plugins", "check", "plugins/talker.py", "plugins/copy.py")
    assert done.returncode == ExitCode.WORKLOAD
    assert "several plugins are named talker: " in done.stdout
    assert run_stormdb("plugins", "check").returncode == ExitCode.WORKLOAD


def test_what_programs_read(folder: Path) -> None:
    named = ["--plugin", "plugins/talker.py", "--plugin", "plugins/syntax_error.py"]
    text = run_stormdb("plugins", "list", "--json", *named).stdout
    listed = {one["name"]: one for one in json.loads(text)}
    assert listed["talker"]["metadata"]["workload_types"] == ["talk", "shout"]
    assert listed["talker"]["source"] == str(folder / "plugins" / "talker.py")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", listed["talker"]["digest"])
    assert listed["talker"]["problem"] is None
    assert listed["syntax_error"]["metadata"] is None
    assert listed["syntax_error"]["problem"]["where"] == "plugins/syntax_error.py:4"

    workloads = json.loads(run_stormdb("workloads", "list", "--json").stdout)
    assert {"workload": "shout", "plugin": "talker", "description": ""} in workloads

    facts = json.loads(run_stormdb("plugins", "info", "talker", "--json").stdout)
    assert set(facts["workloads"]) == {"talk", "shout"}
    assert facts["workloads"]["talk"]["config_schema"]["properties"]["words"]["maximum"] == 10

    done = run_stormdb("plugins", "check", "--json")
    assert done.returncode == ExitCode.WORKLOAD
    steps = {one["name"]: one["checks"] for one in json.loads(done.stdout)}
    assert all(step["ok"] for step in steps["quickstart"] + steps["talker"])
    assert [step["problem"]["where"] for step in steps["shop"] if not step["ok"]] == [
        "plugins/workload_sync.py:5 (Shopping.setup)"
    ]


def test_a_configuration_file_says_where_plugins_are(folder: Path) -> None:
    (folder / "plugins").rename(folder / "elsewhere")
    assert "talker" not in run_stormdb("plugins", "list").stdout
    (folder / "stormdb.yaml").write_text(
        "workload: talk\nplugins:\n  paths: [elsewhere]\n  files:\n    - ./nothing.py\n"
    )
    done = run_stormdb("plugins", "list", "-c", "stormdb.yaml")
    assert done.returncode == ExitCode.USAGE
    assert "stormdb.yaml:5: plugins.files[0]: there is no file or folder" in done.stderr
    (folder / "stormdb.yaml").write_text("plugins: {paths: [elsewhere]}")
    assert "talker" in run_stormdb("plugins", "list", "-c", "stormdb.yaml").stdout


def test_a_terminal_gets_a_table_that_fits(folder: Path) -> None:
    controller, terminal = pty.openpty()
    child = subprocess.Popen(
        [COMMAND, "plugins", "list", "--plugin", "plugins/talker.py"],
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "60", "TERM": "xterm"},
    )
    os.close(terminal)
    text = b""
    while True:
        try:
            data = os.read(controller, 4096)
        except OSError:  # Linux's way to say that the other end was closed
            break
        if not data:
            break
        text += data
    os.close(controller)
    assert child.wait() == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.decode().split("\r\n")]
    assert any(line.startswith("NAME") for line in lines)
    assert max(map(len, lines)) <= 60
    assert any(re.match(r"talker +2\.1 +file +talk", line) for line in lines)


def run(plugin: str, database: Database, *words: str) -> subprocess.CompletedProcess[str]:
    """`stormdb run` of a fixture on a server."""
    return subprocess.run(
        [
            *(COMMAND, "run", plugin, "--plugin", FIXTURES / f"{plugin}.py", "--duration", "1s"),
            *("--setup", "--quiet", "--host", database.host, "--port", str(database.port)),
            *("--username", database.user, "--dbname", database.dbname, *words),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PGPASSWORD": database.password},
    )


def test_a_server_that_is_too_old_and_lacks_an_extension(folder: Path, database: Database) -> None:
    done = run("needs_server", database, "--create-extensions")
    assert done.returncode == ExitCode.WORKLOAD
    assert "plugin needs_server needs PostgreSQL 99.1 or newer, the server is 1" in done.stderr
    assert "needs the PostgreSQL extension no_such_extension, which is not available" in done.stderr
    assert "must not run" not in done.stdout + done.stderr


def test_a_plugin_that_cannot_clean_up_does_not_cost_the_numbers(
    folder: Path, database: Database
) -> None:
    done = run("bad_end", database, "--json", "report.json")
    assert done.returncode == ExitCode.WORKLOAD, done.stderr
    assert "the plugin's cleanup() raised RuntimeError: cannot clean up" in done.stderr
    report = json.loads((folder / "report.json").read_text())
    assert report["transactions"][0]["committed_count"] > 0
    codes = {warning["code"] for warning in report["warnings"]}
    assert "failed_after" in codes
    assert "failed" not in codes

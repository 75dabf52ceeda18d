"""`stormdb server start|status|psql|stop`, as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `stormdb server` with a state folder and temporary files of its own."""

    state: Path
    folder: Path

    def server(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("stormdb"), "server", *arguments],
            env={
                **os.environ,
                "XDG_STATE_HOME": str(self.state),
                "TMPDIR": str(self.folder),
                "PGPASSWORD": "of another server",
                "PGHOST": "192.0.2.1",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str) -> dict[str, Any]:
        done = self.server("start", "--json", "--set", "fsync=off", *arguments)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def answer(self, sql: str) -> str:
        done = self.server("psql", "-XAtc", sql)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def shell(tmp_path: Path, folder: Path) -> Iterator[Shell]:
    made = Shell(tmp_path / "state", folder)
    yield made
    made.server("stop")


def test_a_server_stays_until_it_is_stopped(shell: Shell) -> None:
    started = shell.start("--set", "work_mem=9MB")
    assert shell.answer("SELECT current_setting('work_mem'), current_database()") == "9MB|stormdb"
    status = shell.server("status", "--json")
    assert json.loads(status.stdout) == started
    told = shell.server("status").stdout
    assert f"port      {started['port']}" in told
    stopped = shell.server("stop")
    assert stopped.stdout == (
        f"the server on port {started['port']} is stopped, its data is gone\n"
    )
    assert list(shell.folder.iterdir()) == []
    assert list((shell.state / "stormdb").iterdir()) == []
    assert not Path(f"/proc/{started['pid']}/exe").exists()


def test_the_password_is_in_a_file_of_the_users_alone(shell: Shell) -> None:
    started = shell.start()
    file = Path(started["password_file"])
    password = file.read_text().strip().rpartition(":")[2]
    assert len(password) >= 24
    assert file.stat().st_mode & 0o077 == 0
    assert password not in json.dumps(started)
    assert password not in shell.server("status").stdout
    for path in (shell.state / "stormdb").iterdir():
        assert (password in path.read_text()) == (path == file)


def test_the_line_that_is_shown_connects(shell: Shell) -> None:
    started = shell.start()
    [line] = [line for line in shell.server("status").stdout.splitlines() if "PGPASSFILE=" in line]
    done = subprocess.run(
        f"{line} -XAtc 'SELECT 6 * 7'",
        shell=True,
        env={"PATH": f"{started['bin_dir']}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "42\n"


def test_psqls_own_flags_and_exit_status_pass_through(shell: Shell, tmp_path: Path) -> None:
    shell.start()
    script = tmp_path / "script.sql"
    script.write_text("SELECT :'word', current_database();")
    done = shell.server("psql", "-XAt", "-v", "word=a b", "-f", str(script), "postgres")
    assert done.stdout == "a b|postgres\n"
    assert shell.server("psql", "-Xc", "SELEC").returncode == 1


def test_kept_data_outlives_stop(shell: Shell, tmp_path: Path, folder: Path) -> None:
    data = folder / "kept"
    shell.start("--data-dir", str(data))
    shell.answer("CREATE TABLE t AS SELECT 42 AS answer")
    assert f"its data stays in {data}" in shell.server("stop").stdout
    assert [path.name for path in folder.iterdir()] == ["kept"]
    shell.start("--data-dir", str(data))
    assert shell.answer("SELECT answer FROM t") == "42"


def test_a_second_start_is_refused_and_harms_nothing(shell: Shell) -> None:
    started = shell.start()
    again = shell.server("start")
    assert again.returncode == 1
    assert again.stderr == (
        f"stormdb: a server is running already, on port {started['port']}; "
        "hint: stop it with `stormdb server stop`, or use it\n"
    )
    assert shell.answer("SELECT 1") == "1"


@pytest.mark.parametrize("command", ["status", "stop", "psql"])
def test_without_a_server_the_others_say_so(shell: Shell, command: str) -> None:
    done = shell.server(command)
    assert done.returncode == 2
    assert "no server that `stormdb server start` started is running" in done.stderr


def test_a_server_that_was_killed_is_cleared_away(shell: Shell) -> None:
    first = shell.start()
    os.kill(first["pid"], signal.SIGKILL)
    limit = time.monotonic() + 10
    while shell.server("status").returncode == 0 and time.monotonic() < limit:
        time.sleep(0.05)
    assert shell.server("status").returncode == 2
    second = shell.start()
    assert second["socket_dir"] != first["socket_dir"]
    assert not Path(first["socket_dir"]).exists()
    assert shell.answer("SELECT 1") == "1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "work_mem"], "--set: 'work_mem' is not of the form NAME=VALUE"),
        (["--set", "work_mem=lots"], 'invalid value for parameter "work_mem": "lots"'),
        (["--set", "listen_addresses=*"], "the setting listen_addresses cannot be given"),
        (["--pg-bin", "/nowhere"], "--pg-bin: /nowhere holds no postgres program"),
    ],
)
def test_a_users_mistake_is_one_line_and_leaves_nothing(
    shell: Shell, arguments: list[str], message: str
) -> None:
    done = shell.server("start", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(shell.folder.iterdir()) == []

"""Data that is kept between runs, and folders that are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from stormdb.errors import ConfigError, ConnectError, StormdbError
from stormdb.server import EmbeddedServer
from stormdb.server.kept import MARK
from tests.conftest import FAST_SETTINGS, database_of

IS_ROOT = os.geteuid() == 0


@pytest.fixture(autouse=True)
def temporary_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(folder))


@pytest.fixture
def data_dir(folder: Path) -> Path:
    return folder / "deep" / "my data"


def kept(data_dir: Path, *, dbname: str = "stormdb", superuser: str = "postgres") -> EmbeddedServer:
    return EmbeddedServer(
        settings=FAST_SETTINGS, data_dir=data_dir, dbname=dbname, superuser=superuser
    )


def test_data_password_and_settings_of_the_database_stay(data_dir: Path, folder: Path) -> None:
    with kept(data_dir) as server:
        database_of(server).fetch("CREATE TABLE t AS SELECT 42 AS answer")
        database_of(server).fetch("ALTER SYSTEM SET listen_addresses = '*'")
        password = server.password
        assert server.log_path.parent == data_dir
    assert [path.name for path in folder.iterdir()] == ["deep"]
    with kept(data_dir) as server:
        assert server.password == password
        assert database_of(server).fetch("SELECT answer FROM t")[0]["answer"] == 42
        # ALTER SYSTEM does not open the server to the network.
        assert database_of(server).fetch("SHOW listen_addresses")[0][0] == "127.0.0.1"
    assert (data_dir / MARK).stat().st_mode & 0o077 == 0
    assert (data_dir / "data").stat().st_mode & 0o077 == 0


def test_paths_may_hold_what_configuration_files_must_quote(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = folder / 'a, "b" c'
    temporary.mkdir()
    temporary.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(temporary))
    with kept(folder / "it's, data") as server:
        assert server.socket_dir.is_relative_to(temporary)
        by_socket = replace(database_of(server), host=str(server.socket_dir))
        assert by_socket.fetch("SELECT 1")
        assert database_of(server).fetch("SHOW fsync")[0][0] == "off"


def test_a_strict_umask_does_not_matter(data_dir: Path) -> None:
    before = os.umask(0o077)
    try:
        data_dir.parent.mkdir(mode=0o755)
        data_dir.parent.chmod(0o755)
        with kept(data_dir) as server:
            assert database_of(server).fetch("SELECT 1")
    finally:
        os.umask(before)


def test_kept_data_is_never_taken_for_a_left_over(folder: Path) -> None:
    data_dir = folder / "stormdb-0123456789"
    with kept(data_dir) as server:
        database_of(server).fetch("CREATE TABLE t ()")
    with EmbeddedServer(settings=FAST_SETTINGS) as server:
        assert server.socket_dir.parent == folder
    with kept(data_dir) as server:
        assert database_of(server).fetch("SELECT count(*) FROM t")


def test_another_database_is_added(data_dir: Path) -> None:
    for name in ("first", "second", "second", "postgres"):
        with kept(data_dir, dbname=name) as server:
            assert database_of(server).fetch("SELECT current_database()")[0][0] == name


def test_a_database_made_by_hand_is_taken(data_dir: Path) -> None:
    with kept(data_dir) as server:
        database_of(server).fetch("CREATE DATABASE by_hand")
    with kept(data_dir, dbname="by_hand") as server:
        assert database_of(server).fetch("SELECT current_database()")[0][0] == "by_hand"


def test_a_running_server_keeps_others_out(data_dir: Path) -> None:
    with kept(data_dir) as server:
        for dbname in ("stormdb", "another"):
            with pytest.raises(
                ConfigError, match=f"in use by a running server, process {server.pid}"
            ):
                kept(data_dir, dbname=dbname).start()
        assert database_of(server).fetch("SELECT 1")
        assert (server.data_path / "postmaster.pid").exists()


def test_two_starts_at_once_end_with_one_server(data_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stormdb.server import EmbeddedServer\n"
        f"with EmbeddedServer(data_dir=Path({str(data_dir)!r})): print('up'); sys.stdin.read()"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    limit = time.monotonic() + 30
    while all(child.poll() is None for child in children) and time.monotonic() < limit:
        time.sleep(0.02)
    [loser] = [child for child in children if child.poll() is not None]
    [winner] = [child for child in children if child is not loser]
    assert "is in use" in loser.communicate()[1]
    output, error = winner.communicate("")
    assert (output, error) == ("up\n", "")


def test_a_killed_server_recovers_what_was_committed(data_dir: Path) -> None:
    with EmbeddedServer(data_dir=data_dir) as server:
        database_of(server).fetch("CREATE TABLE t AS SELECT 42 AS answer")
        os.kill(server.pid, signal.SIGKILL)
    with kept(data_dir) as server:
        assert database_of(server).fetch("SELECT answer FROM t")[0]["answer"] == 42


def test_a_first_start_that_was_killed_can_be_done_again(data_dir: Path, folder: Path) -> None:
    code = (
        "from pathlib import Path; from stormdb.server import EmbeddedServer\n"
        f"EmbeddedServer(data_dir=Path({str(data_dir)!r})).start()"
    )
    child = subprocess.Popen([sys.executable, "-c", code])
    limit = time.monotonic() + 20
    while not (data_dir / "data.partial" / "PG_VERSION").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    child.kill()
    child.wait()
    assert not (data_dir / "data").exists()
    with kept(data_dir) as server:
        assert database_of(server).fetch("SELECT 1")
    assert {path.name for path in data_dir.iterdir()} == {"data", "server.log", MARK}


def refused(data_dir: Path, message: str, superuser: str = "postgres") -> None:
    before = sorted(str(path) for path in data_dir.parent.rglob("*"))
    with pytest.raises(StormdbError, match=message):
        kept(data_dir, superuser=superuser).start()
    assert sorted(str(path) for path in data_dir.parent.rglob("*")) == before


def test_foreign_folders_are_refused_and_left_alone(folder: Path) -> None:
    home = folder / "home"
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    refused(home, "a folder with content that stormdb did not put there")
    (home / "PG_VERSION").write_text("18\n")
    refused(home, "a PostgreSQL data directory with content that stormdb did not put there")
    refused(home / "letter.txt", "letter.txt is not a folder")
    refused(home / "letter.txt" / "below", "letter.txt is not a folder")


def test_data_that_does_not_fit_is_refused(data_dir: Path) -> None:
    with kept(data_dir):
        pass
    refused(data_dir, "was made with the superuser 'postgres', not 'root'", superuser="root")
    mark = data_dir / MARK
    whole = mark.read_text()
    mark.write_text(json.dumps({**json.loads(whole), "major": 9}))
    refused(data_dir, "holds data of PostgreSQL 9, the program files in .* are")
    mark.write_text(whole[:20])
    refused(data_dir, f"{MARK} is damaged")


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used by this user: Permission denied"):
        kept(Path("/stormdb-test-data")).start()


@pytest.mark.skipif(not IS_ROOT, reason="only as root the server runs as another user")
def test_as_root_a_folder_closed_to_the_servers_user_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="where the server's user 'nobody' may not go"):
        kept(closed / "data").start()
    assert list(closed.iterdir()) == []


@pytest.mark.skipif(not IS_ROOT, reason="only root can take over another user's folder")
def test_as_root_the_data_stays_with_its_owner(data_dir: Path) -> None:
    with kept(data_dir) as server:
        owner = server.data_path.stat().st_uid
    assert owner != 0
    for path in [data_dir, *data_dir.rglob("*")]:
        os.chown(path, 1, 1)
    with kept(data_dir, dbname="another") as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == 1
        assert database_of(server).fetch("SELECT 1")
    assert {path.stat().st_uid for path in [data_dir, *data_dir.rglob("*")]} == {1}


def test_no_program_files_at_all_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("stormdb.server.programs._candidates", lambda: iter(()))
    with pytest.raises(ConnectError, match=r"(?s)no PostgreSQL program files.*pip install"):
        EmbeddedServer().start()
    assert list(folder.iterdir()) == []

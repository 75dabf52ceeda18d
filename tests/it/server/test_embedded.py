"""What a server is like while it runs, and why it refuses to start."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from stormdb.errors import ConfigError, ConnectError
from stormdb.server import DEFAULTS, EmbeddedServer, embedded, programs
from stormdb.server.account import Account
from tests.conftest import FAST_SETTINGS, Database, database_of

if TYPE_CHECKING:
    from collections.abc import Mapping

LINUX = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")


@pytest.fixture(autouse=True)
def temporary_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(folder))


def setting(server: EmbeddedServer, name: str) -> str:
    return str(database_of(server).fetch(f"SHOW {name}")[0][0])


def test_it_says_what_it_is(server: EmbeddedServer) -> None:
    assert (server.host, server.user, server.dbname) == ("127.0.0.1", "postgres", "stormdb")
    assert setting(server, "server_version").split()[0] == server.version
    assert (server.bin_dir / "psql").exists()
    assert server.log_path.exists()
    assert database_of(server).fetch("SELECT pg_postmaster_start_time()")


def test_later_databases_have_pg_stat_statements_too(database: Database) -> None:
    database.fetch("SELECT 1 AS a_statement_to_count")
    [found] = database.fetch(
        "SELECT calls FROM pg_stat_statements WHERE query LIKE '%a_statement_to_count%' "
        "AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    assert found["calls"] == 1


def test_a_restart_ends_every_session_and_keeps_port_password_and_data() -> None:
    with EmbeddedServer(settings=FAST_SETTINGS) as server:
        database, pid = database_of(server), server.pid
        database.fetch("CREATE TABLE kept AS SELECT 1 AS id")

        async def restart_under_a_session() -> None:
            connection = await asyncpg.connect(database.dsn)
            await asyncio.to_thread(server.restart)
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                await connection.execute("SELECT 1")
            connection.terminate()

        asyncio.run(restart_under_a_session())
        assert server.pid != pid
        assert database_of(server) == database
        assert database.fetch("SELECT id FROM kept")[0][0] == 1


@pytest.mark.parametrize("by", ["host", "socket_dir"])
def test_only_the_password_opens_it(server: EmbeddedServer, by: str) -> None:
    database = replace(database_of(server), host=str(getattr(server, by)))
    assert database.fetch("SELECT current_user")[0][0] == "postgres"
    with pytest.raises(asyncpg.InvalidPasswordError):
        replace(database, password="guess").fetch("SELECT current_user")


@LINUX
def test_the_password_and_the_environment_stay_with_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "hunter2")
    with EmbeddedServer(settings=FAST_SETTINGS) as server:
        ours = [
            process
            for process in Path("/proc").glob("[0-9]*")
            if str(server.socket_dir).encode() in _read(process / "cmdline")
        ]
        assert len(ours) >= 2, "the server and its guard"
        for process in ours:
            assert server.password.encode() not in _read(process / "cmdline")
            for secret in (server.password.encode(), b"hunter2"):
                assert secret not in _read(process / "environ")
        files = [path for path in server.socket_dir.rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert server.password.encode() not in path.read_bytes(), path
        modes = [path.stat().st_mode & 0o077 for path in (server.socket_dir, server.log_path)]
        assert modes == [0, 0]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process ended meanwhile
        return b""


def test_settings_come_over_the_defaults_and_safety_stays_on() -> None:
    given = {"Work_Mem": "7MB", "stormdb.note": r"it's a \ and" + "\na line"}
    with EmbeddedServer(settings=given) as server:
        assert setting(server, "work_mem") == "7MB"
        assert setting(server, "stormdb.note") == given["stormdb.note"]
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            assert setting(server, name) == "on"
        for name in DEFAULTS:
            [row] = database_of(server).fetch(
                f"SELECT sourcefile FROM pg_settings WHERE name = '{name}'"
            )
            assert row["sourcefile"] == str(server.socket_dir / "postgresql.conf")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"work_men": "1MB"}, 'unrecognized configuration parameter "work_men"'),
        ({"work_mem": "lots"}, 'invalid value for parameter "work_mem": "lots"'),
        ({"max_connections": "0"}, "0 is outside the valid range"),
        ({"shared_preload_libraries": "no_such_library"}, "no_such_library"),
    ],
)
def test_a_setting_that_postgresql_refuses_is_named(
    settings: Mapping[str, str], message: str, folder: Path
) -> None:
    with pytest.raises((ConfigError, ConnectError), match=message):
        EmbeddedServer(settings=settings).start()
    assert list(folder.iterdir()) == []


def test_a_given_port_is_taken_and_a_busy_one_refused() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        with pytest.raises(ConnectError, match=f"port {port} is taken by another program"):
            EmbeddedServer(settings={**FAST_SETTINGS, "port": port}).start()
    with EmbeddedServer(settings={**FAST_SETTINGS, "port": port}) as server:
        assert setting(server, "port") == port == str(server.port)


def test_a_port_lost_to_another_program_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        choose = embedded._port
        answers = [taken, taken]
        monkeypatch.setattr(
            embedded, "_port", lambda given: answers.pop() if answers else choose(given)
        )
        with EmbeddedServer(settings=FAST_SETTINGS) as server:
            assert not answers
            assert server.port != taken
            assert setting(server, "port") == str(server.port)


def test_names_may_hold_anything_printable() -> None:
    dbname, user = "a \"quoted\" 'name' -- ä", "Ä user"
    with EmbeddedServer(settings=FAST_SETTINGS, dbname=dbname, superuser=user) as server:
        [row] = database_of(server).fetch("SELECT current_database(), current_user")
        assert list(row) == [dbname, user]


def test_without_the_additional_modules_it_starts_too(folder: Path) -> None:
    found = programs.find(None, Account.choose())
    package = found.bin_dir.parent.parent
    if found.source != "wheel":
        pytest.skip("copies the wheel")
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("pg_stat_*"))
    pg_bin = folder / package.name / "pginstall" / "bin"
    with EmbeddedServer(settings=FAST_SETTINGS, pg_bin=pg_bin) as server:
        assert server.source == "pg_bin"
        assert setting(server, "shared_preload_libraries") == ""
        assert setting(server, "max_wal_size") == DEFAULTS["max_wal_size"]


def test_one_object_can_start_again() -> None:
    server = EmbeddedServer(settings=FAST_SETTINGS)
    for _ in range(2):
        with server:
            assert setting(server, "fsync") == "off"
        assert not server.socket_dir.exists()


def test_a_temporary_folder_that_cannot_be_used_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    long = folder / ("x" * 90)
    long.mkdir()
    long.chmod(0o1777)
    for unusable in (long, folder / "missing"):
        monkeypatch.setenv("TMPDIR", str(unusable))
        with EmbeddedServer(settings=FAST_SETTINGS) as server:
            assert not server.socket_dir.is_relative_to(unusable)
            assert len(os.fsencode(server.socket_dir)) <= 88

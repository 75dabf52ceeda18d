"""The controller's connection: TLS that is refused, servers that are too old, facts."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stormdb.config import ConnectTarget
from stormdb.errors import ConnectError
from stormdb.run.connect import close, connect
from stormdb.run.facts import generator_facts, server_facts
from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, Database
from tests.support.tls import Authority, turn_on_tls
from tests.support.tls_proxy import tls_proxy


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(scope="module")
def tls_server(authority: Authority) -> Iterator[EmbeddedServer]:
    """The system's PostgreSQL: the wheel's is built without TLS."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("no PostgreSQL of the system")
    with EmbeddedServer(pg_bin=folders[-1], settings=FAST_SETTINGS) as server:
        asyncio.run(turn_on_tls(server, authority))
        yield server


def target_of(server: EmbeddedServer | Database, **changes: object) -> ConnectTarget:
    target = ConnectTarget(
        hosts=(server.host,),
        ports=(server.port,),
        user=server.user,
        dbname=server.dbname,
        password=server.password,
    )
    return replace(target, **changes)  # type: ignore[arg-type]


async def refusal(target: ConnectTarget) -> str:
    with pytest.raises(ConnectError) as caught:
        await connect(target)
    return str(caught.value)


def test_a_certificate_of_an_unknown_authority(
    server: EmbeddedServer, authority: Authority, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority.make().pem)
    with tls_proxy(server, authority, tmp_path) as port:
        target = target_of(server, ports=(port,), sslmode="verify-ca", sslrootcert=str(other))
        message = asyncio.run(refusal(target))
    assert "the server's certificate cannot be trusted: " in message
    assert "hint: name its authority in database.sslrootcert" in message


async def test_a_server_that_wants_tls(tls_server: EmbeddedServer) -> None:
    message = await refusal(target_of(tls_server, sslmode="disable"))
    assert "(28000); hint: check --username, and the server's pg_hba.conf" in message


async def test_facts_name_the_tls_of_the_connection(tls_server: EmbeddedServer) -> None:
    target = target_of(tls_server, sslmode="require")
    connection = await connect(target)
    facts = await server_facts(connection, target, is_embedded=False)
    await close(connection)
    assert facts.tls.startswith("TLSv1.")


async def test_facts_of_a_server(database: Database) -> None:
    target = target_of(database)
    connection = await connect(target)
    facts = await server_facts(connection, target, is_embedded=False)
    await close(connection)
    assert (facts.host, facts.port, facts.dbname) == (database.host, database.port, database.dbname)
    assert facts.version.split(".")[0] == str(facts.version_num // 10_000)
    assert facts.tls == ""
    assert facts.settings["fsync"] == "off"
    assert facts.settings["shared_buffers"] == "64MB"
    assert {"max_connections", "wal_level", "jit", "work_mem"} <= facts.settings.keys()


def test_facts_of_the_generator() -> None:
    facts = generator_facts()
    assert facts["cpus"] >= 1  # type: ignore[operator]
    assert {"stormdb", "python", "asyncpg", "platform", "machine"} <= facts.keys()


async def test_a_connection_to_a_server_that_is_gone_is_closed(tmp_path: Path) -> None:
    with EmbeddedServer(settings=FAST_SETTINGS) as server:
        connection = await connect(target_of(server))
    await close(connection)
    assert connection.is_closed()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


@pytest.fixture
async def old_server() -> AsyncIterator[int]:
    """The first words of a PostgreSQL 11, which no machine here has any more."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")  # no TLS
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        writer.write(_message(b"R", struct.pack("!I", 0)))
        writer.write(_message(b"S", b"server_version\x0011.22\x00"))
        writer.write(_message(b"K", struct.pack("!II", 1, 2)))
        writer.write(_message(b"Z", b"I"))
        await reader.readexactly(5)  # it says good-bye
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_server_that_is_too_old_is_refused(old_server: int, database: Database) -> None:
    message = await refusal(target_of(database, ports=(old_server,)))
    assert "the server is PostgreSQL 11, stormdb needs 12 or newer" in message


async def test_a_port_of_something_else(database: Database) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        message = await refusal(target_of(database, ports=(port,)))
    assert "hung up before it answered; hint: check that a PostgreSQL server listens" in message


async def test_a_role_that_may_not_connect_is_told_the_right_it_needs(database: Database) -> None:
    administration = await connect(target_of(database))
    await administration.execute(
        f"CREATE ROLE outsider LOGIN PASSWORD 'hush'; "
        f"REVOKE CONNECT ON DATABASE {database.dbname} FROM PUBLIC"
    )
    try:
        said = await refusal(target_of(database, user="outsider", password="hush"))
    finally:
        await administration.execute("DROP ROLE outsider")
        await close(administration)
    assert said.count("\n") == 0
    right = f"GRANT CONNECT ON DATABASE {database.dbname} TO outsider"
    assert said.endswith(f"hint: ask for the right to connect: {right}")

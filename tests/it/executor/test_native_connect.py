"""Connects of the native executor: hosts in order, limits, refusals, connections for one use."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from stormdb.config import ConnectTarget
from stormdb.errors import ConnectError
from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, Database, database_of
from tests.it.executor.conftest import MS_NS, Loads, Outcome, steady, target_of
from tests.support.native import run_native, statements

READ = statements("SELECT 1")


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port that nothing listens on, held so that nobody else gets it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


async def _run(loads: Loads, target: ConnectTarget, code: bytes = READ, **options: Any) -> Outcome:
    return await run_native(loads.spec("pass", steady(0.3), target=target, **options), code)


async def _refusal(loads: Loads, target: ConnectTarget) -> str:
    with pytest.raises(ConnectError) as caught:
        await _run(loads, target)
    return str(caught.value)


async def test_hosts_are_tried_in_order(loads: Loads) -> None:
    with closed_port() as port:
        target = loads.target
        several = replace(target, hosts=("127.0.0.1", *target.hosts), ports=(port, *target.ports))
        outcome = await _run(loads, several)
    assert outcome.counts()["committed"] > 0


async def test_a_host_without_an_address_is_passed_over(loads: Loads) -> None:
    target = loads.target
    hosts = ("nowhere.invalid", *target.hosts)
    outcome = await _run(loads, replace(target, hosts=hosts, ports=(1, *target.ports)))
    assert outcome.counts()["committed"] > 0
    alone = replace(target, hosts=("nowhere.invalid",))
    assert "no address is known for the host nowhere.invalid" in await _refusal(loads, alone)


async def test_every_host_that_failed_is_named(loads: Loads, tmp_path: Path) -> None:
    with closed_port() as port:
        hosts = ("127.0.0.1", str(tmp_path))
        message = await _refusal(loads, replace(loads.target, hosts=hosts, ports=(port, 5432)))
    assert f"127.0.0.1:{port}: nothing listens there; {tmp_path}:5432: no server listens" in message


async def test_a_server_that_does_not_answer(loads: Loads) -> None:
    with silent_port() as port:
        target = replace(
            loads.target, hosts=("127.0.0.1",), ports=(port,), connect_timeout_ns=200 * MS_NS
        )
        message = await _refusal(loads, target)
    assert "no answer within 200ms; hint: check host and port" in message


async def test_a_server_that_does_not_answer_is_passed_over(loads: Loads) -> None:
    target = loads.target
    with silent_port() as port:
        several = replace(
            target,
            hosts=("127.0.0.1", *target.hosts),
            ports=(port, *target.ports),
            # The limit of the one that answers too: a busy machine may take its time.
            connect_timeout_ns=1500 * MS_NS,
        )
        assert (await _run(loads, several)).counts()["committed"] > 0


async def test_what_listens_is_no_postgresql(loads: Loads) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
        target = replace(loads.target, hosts=("127.0.0.1",), ports=(port,), sslmode="disable")

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        refusal, _ = await asyncio.gather(_refusal(loads, target), asyncio.to_thread(answer))
    assert "hint: check that a PostgreSQL server listens on this port" in refusal


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "wrong"}, "(28P01); hint: check the password in PGPASSWORD"),
        ({"dbname": "nowhere"}, "(3D000); hint: create it with `createdb`"),
        ({"password": None}, "the server asks for a password and none was given"),
    ],
)
async def test_a_refusal_says_who_why_and_what_to_do(
    loads: Loads, changes: dict[str, str | None], words: str
) -> None:
    message = await _refusal(loads, replace(loads.target, **changes))  # type: ignore[arg-type]
    assert words in message
    assert loads.target.hosts[0] in message
    assert "wrong" not in message


@pytest.fixture(scope="module")
def read_only_server() -> Iterator[EmbeddedServer]:
    settings = FAST_SETTINGS | {"default_transaction_read_only": "on"}
    with EmbeddedServer(settings=settings) as server:
        yield server


async def test_a_session_that_takes_writes(
    loads: Loads, server: EmbeddedServer, read_only_server: EmbeddedServer
) -> None:
    reader, writer = (target_of(database_of(one)) for one in (read_only_server, server))
    # Both have the same superuser, each a password of its own.
    connection = await asyncpg.connect(database_of(server).dsn)
    await connection.execute("DROP ROLE IF EXISTS visitor")
    await connection.execute("CREATE ROLE visitor LOGIN PASSWORD 'guest'")
    await connection.close()
    connection = await asyncpg.connect(database_of(read_only_server).dsn)
    await connection.execute("SET default_transaction_read_only = off")
    await connection.execute("CREATE ROLE visitor LOGIN PASSWORD 'guest'")
    await connection.close()
    both = replace(
        writer,
        hosts=(reader.hosts[0], writer.hosts[0]),
        ports=(reader.ports[0], writer.ports[0]),
        user="visitor",
        password="guest",
        dbname="postgres",
    )
    for wanted, port in {
        "any": reader.ports[0],
        "read-only": reader.ports[0],
        "read-write": writer.ports[0],
        "primary": reader.ports[0],
        "prefer-standby": reader.ports[0],
    }.items():
        seen = statements(f"SELECT 1 / (current_setting('port')::int = {port})::int")
        outcome = await _run(loads, replace(both, target_session_attrs=wanted), seen)
        assert (outcome.counts()["committed"] > 0, outcome.counts()["failed"]) == (True, 0), wanted
    message = await _refusal(loads, replace(both, target_session_attrs="standby"))
    assert f"{reader.hosts[0]}:{reader.ports[0]}: it is not a standby; " in message
    assert "hint: check database.host, or change database.target_session_attrs" in message


def test_a_connection_for_each_transaction(loads: Loads, database: Database) -> None:
    code = statements("SELECT pg_backend_pid()")
    outcome = asyncio.run(_run(loads, loads.target, code, transient_ratio=1.0))
    counts, values = outcome.counts(), outcome.merged.values
    assert counts["committed"] > 5
    assert counts["failed"] == 0
    for step in ("tcp", "authentication", "startup"):
        assert (
            values[f"stormdb.connect_{step}_ns"].count == counts["committed"] + counts["unfinished"]
        )
    assert "stormdb.connect_tls_ns" not in values
    connect_ns = sum(
        values[f"stormdb.connect_{step}_ns"].sum for step in ("tcp", "authentication", "startup")
    )
    # The connect is a part of the service time, and by far the larger one.
    service_ns = counts["committed"] * outcome.row().service_time.mean_ns
    assert connect_ns * 0.9 < service_ns
    assert connect_ns > counts["committed"] * outcome.row("s0", "operation").service_time.mean_ns
    sessions = "SELECT sessions_abandoned + sessions_fatal FROM pg_stat_database"
    assert database.fetch(f"{sessions} WHERE datname = current_database()")[0][0] == 0


async def test_some_transactions_have_a_connection_of_their_own(loads: Loads) -> None:
    outcome = await run_native(
        loads.spec("pass", steady(1), workers=4, transient_ratio=0.25), statements("SELECT 1")
    )
    committed = outcome.counts()["committed"]
    connects = outcome.merged.values["stormdb.connect_tcp_ns"].count
    assert 0 < connects < committed

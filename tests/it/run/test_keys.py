"""Keys that change what the load is: each is seen where it takes effect."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from stormdb.errors import ConfigError, ExitCode
from tests.conftest import Database
from tests.it.run.native import MS_NS, SECOND_NS, Watcher, run

BOTH = pytest.mark.parametrize("executor", ["native", "coroutine"])


def _told(database: Database, name: str) -> list[str]:
    sql = f"SELECT value FROM stormdb_described.setting WHERE name = '{name}'"
    return [row[0] for row in database.fetch(sql)]


@pytest.mark.parametrize(
    ("keys", "has_parameters", "is_prepared"),
    [
        ({}, True, True),
        ({"protocol": "extended"}, True, False),
        ({"protocol": "simple"}, False, False),
        ({"connection_mode": "transient"}, True, False),
    ],
)
def test_statements_are_sent_by_the_protocol_that_was_asked_for(
    database: Database, keys: dict[str, str], has_parameters: bool, is_prepared: bool
) -> None:
    ran = run(database, "how", duration="300ms", workers=2, **keys)
    assert ran.row("how").failed == {}
    assert {count != "0" for count in _told(database, "prepared")} == {is_prepared}
    assert {"$1" in query for query in _told(database, "query")} == {has_parameters}


@pytest.mark.parametrize(
    ("keys", "least_ratio", "most_ratio"),
    [
        ({"connection_mode": "persistent"}, 0.0, 0.0),
        ({"connection_mode": "transient"}, 1.0, 1.0),
        ({"connection_mode": "mixed", "transient_ratio": "30%"}, 0.15, 0.45),
    ],
)
def test_transactions_have_connections_of_their_own_as_often_as_asked_for(
    database: Database, keys: dict[str, str], least_ratio: float, most_ratio: float
) -> None:
    ran = run(database, "how", duration="1s", workers=4, threads=2, seed=5, **keys)
    committed = ran.counts()["committed"]
    persistent = 0 if least_ratio == 1 else 4
    transient = len(set(_told(database, "pid"))) - persistent
    assert least_ratio * committed - 4 <= transient <= most_ratio * committed + 4
    # What the steps of a connect took is in the report; the server has no TLS.
    steps = {value.name for value in ran.summary.values if "connect_" in value.name}
    expected = {f"stormdb.connect_{step}_ns" for step in ("tcp", "authentication", "startup")}
    assert steps == (expected if most_ratio else set())


def test_a_transaction_that_takes_too_long_is_given_up(database: Database) -> None:
    ran = run(
        database,
        "look",
        duration="1s",
        workers=2,
        transaction_timeout="200ms",
        workload_config__sleep_s=30,
    )
    row, counts = ran.row("look"), ran.counts()
    assert row.failed == {"25P04": counts["failed"]}
    assert 6 <= counts["failed"] <= 10
    assert counts["unfinished"] == 0
    example = ran.whole.examples["25P04"]
    assert example == "the transaction took longer than transaction_timeout, 200ms"
    # None is left to the server, and the connections are not counted as lost.
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state = 'active'"
    )
    assert database.fetch(f"{busy} AND pid <> pg_backend_pid()")[0][0] == 0
    assert "stormdb.connections_lost" not in ran.whole.counters


def test_a_transaction_that_is_quick_enough_is_not(database: Database) -> None:
    ran = run(database, "look", duration="500ms", workers=2, transaction_timeout="2s")
    assert ran.counts()["committed"] == ran.counts()["offered"] > 100


@BOTH
def test_a_run_without_hope_ends_early_with_what_it_has(database: Database, executor: str) -> None:
    ran = run(
        database, "failing", executor=executor, duration="60s", workers=2, max_error_ratio="50%"
    )
    assert "transactions have failed, 100.0%, so the run was ended early" in ran.result.problem
    assert ran.result.exit_code == ExitCode.UNTRUSTED
    assert ran.counts()["failed"] >= 100
    (phase,) = ran.result.phases
    assert phase.end_ns - phase.start_ns < 15 * SECOND_NS


def test_a_run_within_its_budget_of_errors_goes_on(database: Database) -> None:
    ran = run(database, "outcomes", duration="1500ms", max_error_ratio="60%")
    assert ran.result.problem == ""
    assert ran.counts()["failed"] > 100


@BOTH
def test_recorded_arrivals_come_when_they_were_recorded(
    database: Database, executor: str, tmp_path: Path
) -> None:
    # A burst of 50 at 0.5 s of the recording, then one each 100 ms from 2 s to 4 s.
    file = tmp_path / "times.csv"
    times = [0.5] * 50 + [2 + number / 10 for number in range(21)]
    file.write_text("".join(f"{time:.1f}\n" for time in times))
    ran = run(
        database,
        "both",
        executor=executor,
        load__arrival="trace",
        load__file=str(file),
        load__speed="2",
        workers=4,
    )
    counts = ran.counts()
    assert counts["offered"] == counts["committed"] == 71
    assert ran.result.arrival == "trace"
    # At twice the speed: the burst in the first second, the rest from 1 s on, to its last at 2 s.
    assert ran.result.phases[0].planned_ns == 2_001 * MS_NS
    offered = [
        sum(phase.offered for phase in snapshot.identity()) for snapshot in ran.result.intervals
    ]
    assert offered[0] == 50
    assert ran.row("look" if executor == "native" else "called").response_time.count == 71


def test_a_run_that_is_shorter_than_its_trace_says_so(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("0\n0.1\n1\n5\n")
    arrivals = {"load__arrival": "trace", "load__file": str(file)}
    ran = run(database, "look", duration="1s", workers=4, **arrivals)
    assert ran.counts()["offered"] == 2
    told = "is shorter than the trace: the last of its 4 arrivals is due after 5.00 s"
    assert any(told in warning for warning in ran.result.warnings)


@pytest.mark.parametrize(("version", "asked_for"), [(None, 0), ("3.2", 2), ("latest", 2)])
def test_the_protocol_version_is_the_one_that_is_asked_for(
    database: Database, version: str | None, asked_for: int
) -> None:
    first_messages: list[bytes] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        message = await reader.readexactly(8)
        first_messages.append(message)
        there, to_server = await asyncio.open_connection(database.host, database.port)
        to_server.write(message)
        await asyncio.gather(pass_on(reader, to_server), pass_on(there, writer))

    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def serve(watcher: Watcher) -> None:
            async with await asyncio.start_server(relay, sock=listener):
                await watcher.until(0.4)

        pooler = {"database__pooler": f"127.0.0.1:{listener.getsockname()[1]}"}
        keys = pooler | ({} if version is None else {"database__max_protocol_version": version})
        ran = run(
            database, "look", during=serve, duration="300ms", database__sslmode="disable", **keys
        )
    assert ran.counts()["committed"] > 0
    assert {int.from_bytes(message[4:], "big") for message in first_messages} == {
        3 << 16 | asked_for
    }


@pytest.mark.parametrize(("key", "value"), [("protocol", "simple"), ("transaction_timeout", "1s")])
def test_what_an_executor_cannot_do_is_refused(database: Database, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match="the coroutine executor, which carries") as caught:
        run(database, "called", **{key: value})
    assert caught.value.where == f"--{key.replace('_', '-')}"


def test_a_default_that_is_written_down_is_not(database: Database) -> None:
    ran = run(database, "called", duration="300ms", protocol="prepared")
    assert ran.counts()["committed"] > 0
    assert any("--protocol had no effect" in warning for warning in ran.warnings)

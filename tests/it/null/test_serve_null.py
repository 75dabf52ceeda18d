"""`stormdb serve-null` with the clients that people have: psql, pgbench, asyncpg."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from stormdb.server import EmbeddedServer
from tests.it.run.command import Command, ended


@dataclass
class Served:
    """A server that the command runs, and what it said in the end."""

    host: str
    port: int
    counts: dict[str, int] = field(default_factory=dict)


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Served]:
    """The command, ended by Ctrl-C; its counts are there after the block."""
    process = Command(folder=folder).start("serve-null", *words)
    assert process.stdout
    match = re.search(r"at (\S+), port (\d+):", process.stdout.readline())
    assert match
    served = Served(match[1], int(match[2]))
    try:
        yield served
    finally:
        process.send_signal(signal.SIGINT)
        end = ended(process)
    assert (end.code, end.err) == (0, "")
    served.counts = {
        name: int(count.replace(",", ""))
        for name, count in re.findall(r"([a-z][a-z ]*) ([\d,]+\d|\d)", end.out)
    }


async def connect(served: Served) -> asyncpg.Connection:
    return await asyncpg.connect(host=served.host, port=served.port, user="me", database="mine")


async def test_asyncpg_reads_numbers_and_texts(tmp_path: Path) -> None:
    rule = ("--rule", "FROM account=7,full")
    with serving(tmp_path, *rule) as served:
        connection = await connect(served)
        assert await connection.fetchval("SELECT 1") == 1
        assert tuple(await connection.fetchrow("SELECT a, b FROM account")) == (7, "full")
        async with connection.transaction():
            assert await connection.execute("UPDATE account SET a = 1") == "UPDATE 1"
        await connection.close()
    assert served.counts["connections"] == 1
    assert served.counts["statements"] == 5  # BEGIN and COMMIT too
    assert served.counts["errors"] == served.counts["cuts"] == 0


async def test_errors_have_the_code_that_was_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, "--error-every", "2", "--error-code", "40001") as served:
        connection = await connect(served)
        outcomes = []
        for _ in range(6):
            try:
                outcomes.append(await connection.fetchval("SELECT 1"))
            except asyncpg.SerializationError:
                outcomes.append(None)
        await connection.close()
    assert outcomes == [1, None] * 3
    assert served.counts["errors"] == 3


async def test_a_cut_ends_the_connection(tmp_path: Path) -> None:
    with serving(tmp_path, "--cut-every", "3") as served:
        connection = await connect(served)
        for _ in range(2):
            assert await connection.fetchval("SELECT 1") == 1
        with pytest.raises((asyncpg.PostgresConnectionError, OSError)):
            await connection.fetchval("SELECT 1")
        connection.terminate()
    assert served.counts["cuts"] == 1


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("script", ["select-only", "tpcb-like"])
def test_pgbench_runs_its_own_scripts(
    server: EmbeddedServer, tmp_path: Path, protocol: str, script: str
) -> None:
    with serving(tmp_path, "--socket", str(tmp_path), "--threads", "2") as served:
        done = subprocess.run(
            [
                *(
                    server.bin_dir / "pgbench",
                    "-n",
                    "-M",
                    protocol,
                    "-b",
                    script,
                    "-c",
                    "4",
                    "-t",
                    "50",
                ),
                *("-h", served.host, "-p", str(served.port), "-U", "me", "mine"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "transactions actually processed: 200/200" in done.stdout
    per_transaction = 1 if script == "select-only" else 7
    assert served.counts["statements"] >= 200 * per_transaction
    assert served.counts["connections"] >= 4
    assert not list(tmp_path.glob(".s.PGSQL*"))


@pytest.mark.parametrize("script", [(), ("--trickle", "--delay", "2ms", "--startup-delay", "5ms")])
def test_psql_is_answered(server: EmbeddedServer, tmp_path: Path, script: tuple[str, ...]) -> None:
    with serving(tmp_path, *script) as served:
        done = subprocess.run(
            [
                *(
                    server.bin_dir / "psql",
                    "-X",
                    "-At",
                    "-c",
                    "SELECT anything",
                    "-c",
                    "DELETE FROM everything",
                ),
                *("-h", served.host, "-p", str(served.port), "-U", "me", "mine"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.split("\n")[:2] == ["1", "DELETE 1"]


async def test_it_stands_still_again_and_again(tmp_path: Path) -> None:
    with serving(tmp_path, "--stall", "300ms", "--stall-every", "400ms") as served:
        connection = await connect(served)
        loop_time = asyncio.get_running_loop().time
        slow = 0
        begun = loop_time()
        while loop_time() - begun < 2:
            before = loop_time()
            await connection.fetchval("SELECT 1")
            slow += loop_time() - before > 0.1
        await connection.close()
    assert 2 <= slow <= 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--error-code", "4000"], "--error-code: '4000' is not an SQLSTATE; hint: it has five"),
        (["--delay", "soon"], "--delay: 'soon' is not a duration; hint: write it as 60s"),
        (["--rule", "account"], "--rule: 'account' is not of the form WORDS=VALUE; hint: "),
        (["--io", "magic"], "io `magic` is unknown; hint: use one of auto, uring, poll"),
        (["--socket", "missing"], "the server cannot listen: No such file or directory"),
        (["--stall", "2s", "--stall-every", "1s"], "--stall-every: after 1.00 s the last stall"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, words: list[str], message: str) -> None:
    done = Command(folder=tmp_path)("serve-null", *words)
    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        done = Command(folder=tmp_path)("serve-null", "--port", str(served.port))
    assert done.code == 1
    assert "the server cannot listen: Address already in use" in done.err
    assert "hint: choose another port or folder" in done.err

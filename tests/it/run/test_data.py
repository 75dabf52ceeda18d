"""`--setup`, `--rebuild` and `cleanup`: what they make, refuse and drop."""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from tests.it.run.command import PROBE, Command, ended, wait_for

MARKER = "SELECT obj_description(to_regnamespace('stormdb_probe'), 'pg_namespace')"


@pytest.fixture
def kept_folder() -> Iterator[Path]:
    """A folder that the account of an embedded server reaches, as root too."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="stormdb-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "pg"


async def marker(connection: asyncpg.Connection) -> dict[str, object] | None:
    comment = await connection.fetchval(MARKER)
    return None if comment is None else dict(json.loads(comment))


async def test_a_run_without_data_says_how_to_make_it(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    run = stormdb(*stormdb.probe())
    assert run.code == 1
    assert "schema stormdb_probe does not exist" in run.err
    assert "hint: run once with --setup" in run.err
    assert await marker(connection) is None


async def test_setup_makes_marked_data_that_the_next_run_uses(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    assert stormdb(*stormdb.probe("--setup", "--scale", "3")).code == 0
    found = await marker(connection)
    assert found is not None
    assert (found["made_by"], found["plugin"], found["scale"]) == ("stormdb", "probe", 3)
    assert found["setup"] == "complete"
    assert stormdb(*stormdb.probe("--scale", "3")).code == 0


def test_data_of_another_scale_is_not_used(stormdb: Command) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    run = stormdb(*stormdb.probe("--scale", "2"))
    assert run.code == 1
    assert "its data was made for scale 1, the run asks for 2; hint: make it anew" in run.err


def test_data_of_another_plugin_version_is_used_with_a_warning(stormdb: Command) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    stormdb.environment = {"PROBE_VERSION": "1.1.0"}
    run = stormdb(*stormdb.probe())
    assert run.code == 0
    assert "was made by version 1.0.0 of the plugin, this is 1.1.0; hint: --rebuild" in run.err


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("raise", "setup() raised RuntimeError: setup was told to raise"),
        ("exit", "setup() ended its process with exit status 7 by os._exit"),
    ],
)
async def test_a_setup_that_fails_leaves_data_that_no_run_takes(
    stormdb: Command, connection: asyncpg.Connection, behaviour: str, message: str
) -> None:
    run = stormdb(*stormdb.probe("--setup", setup=behaviour))
    assert run.code == 3
    assert "plugin probe" in run.err
    assert message in run.err
    assert "Traceback" not in run.err
    found = await marker(connection)
    assert found is not None
    assert found["setup"] == "incomplete"
    for words in ([], ["--setup"]):
        again = stormdb(*stormdb.probe(*words))
        assert again.code == 1
        assert "its setup did not come to an end" in again.err
        assert "hint: make it anew with --rebuild" in again.err
    assert stormdb(*stormdb.probe("--rebuild", "--yes")).code == 0


@pytest.fixture
async def tester(stormdb: Command, connection: asyncpg.Connection) -> AsyncIterator[Command]:
    """The command as a role that may log in and no more."""
    assert stormdb.database
    await connection.execute("CREATE ROLE tester LOGIN PASSWORD 'hush'")
    database = replace(stormdb.database, user="tester", password="hush")
    yield Command(folder=stormdb.folder, database=database)
    await connection.execute("DROP OWNED BY tester CASCADE; DROP ROLE tester")


@pytest.mark.parametrize("words", [[], ["--setup"]])
async def test_a_role_without_rights_on_the_schema_is_told_how_to_get_them(
    stormdb: Command, tester: Command, connection: asyncpg.Connection, words: list[str]
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    run = tester(*tester.probe(*words))
    assert run.code == 1
    assert "schema stormdb_probe: role tester has no right to use it" in run.err
    grants = run.err.partition("; hint: ")[2].partition("; or ")[0]
    assert grants.startswith("GRANT USAGE ON SCHEMA")
    await connection.execute(grants)
    again = tester(*tester.probe())
    assert again.code in {0, 5}, again.err  # 5: a busy machine


async def test_a_table_of_another_role_stops_a_rebuild_and_a_cleanup(
    stormdb: Command, tester: Command, connection: asyncpg.Connection
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    await connection.execute("GRANT ALL ON SCHEMA stormdb_probe TO tester")
    await connection.execute("SET ROLE tester; CREATE TABLE stormdb_probe.old (); RESET ROLE")
    cleanup = ["cleanup", "probe", "--plugin", str(PROBE), *stormdb.server(), "--yes"]
    for words in (stormdb.probe("--rebuild", "--yes"), cleanup):
        run = stormdb(*words)
        assert run.code == 1
        assert "table stormdb_probe.old of role tester would be dropped with it" in run.err
        assert await connection.fetchval("SELECT count(*) FROM stormdb_probe.old") == 0
        assert await connection.fetchval("SELECT count(*) FROM stormdb_probe.probe") == 1


async def test_a_database_that_is_read_only_says_so_when_it_should_be_changed(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    run = stormdb(*stormdb.probe("--setup"))
    assert run.code == 1
    assert "cannot execute CREATE SCHEMA in a read-only transaction (25006); hint: log" in run.err
    assert await marker(connection) is None


async def test_rebuild_without_a_terminal_wants_yes(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    run = stormdb(*stormdb.probe("--rebuild"))
    assert run.code == 1
    assert "would be dropped, and there is no terminal to ask on; hint: give --yes" in run.err
    assert await connection.fetchval("SELECT count(*) FROM stormdb_probe.probe") == 1


async def test_rebuild_makes_the_data_anew(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    await connection.execute("CREATE TABLE stormdb_probe.old ()")
    await connection.execute("CREATE TABLE public.mine ()")
    assert stormdb(*stormdb.probe("--rebuild", "--yes", "--scale", "2")).code == 0
    assert await connection.fetchval("SELECT to_regclass('stormdb_probe.old')") is None
    assert await connection.fetchval("SELECT to_regclass('public.mine')") is not None
    assert await connection.fetchval("SELECT scale FROM stormdb_probe.probe") == 2


@pytest.mark.parametrize("words", [["--setup"], ["--rebuild", "--yes"], []])
async def test_a_schema_of_somebody_else_is_left_alone(
    stormdb: Command, connection: asyncpg.Connection, words: list[str]
) -> None:
    await connection.execute("CREATE SCHEMA stormdb_probe; CREATE TABLE stormdb_probe.mine ()")
    run = stormdb(*stormdb.probe(*words))
    assert run.code == 1
    assert "schema stormdb_probe: the schema was not made by stormdb" in run.err
    assert await connection.fetchval("SELECT to_regclass('stormdb_probe.mine')") is not None


async def test_cleanup_drops_only_what_a_setup_made(
    stormdb: Command, connection: asyncpg.Connection
) -> None:
    words = ["cleanup", "probe", "--plugin", str(PROBE), *stormdb.server()]
    nothing = stormdb(*words, "--yes")
    assert (nothing.code, nothing.err.splitlines()[-1]) == (0, "there is nothing to drop")
    assert stormdb(*stormdb.probe("--setup")).code == 0
    assert stormdb(*words).code == 1
    done = stormdb(*words, "--yes")
    assert (done.code, done.err.splitlines()[-1]) == (0, "schema stormdb_probe dropped")
    assert not await connection.fetchval("SELECT to_regnamespace('stormdb_probe')")
    await connection.execute("CREATE SCHEMA stormdb_probe")
    foreign = stormdb(*words, "--yes")
    assert foreign.code == 1
    assert "was not made by stormdb" in foreign.err
    assert await connection.fetchval("SELECT to_regnamespace('stormdb_probe')") is not None


def test_a_plugin_whose_cleanup_fails_keeps_its_data(stormdb: Command) -> None:
    assert stormdb(*stormdb.probe("--setup")).code == 0
    run = stormdb(*stormdb.probe("--rebuild", "--yes", cleanup="raise"))
    assert run.code == 3
    assert "cleanup() raised RuntimeError: cleanup was told to raise" in run.err
    assert stormdb(*stormdb.probe()).code == 0


def test_cleanup_without_a_server_says_that_there_is_none(stormdb_alone: Command) -> None:
    run = stormdb_alone("cleanup", "quickstart", "--yes")
    assert run.code == 1
    assert "leaves nothing to clean up" in run.err


def test_a_setup_keeps_other_runs_out(stormdb: Command) -> None:
    setup = stormdb.start(*stormdb.probe("--setup", setup="sleep"))
    wait_for(setup, "setup")
    try:
        run = stormdb(*stormdb.probe("--rebuild", "--yes"))
    finally:
        setup.send_signal(signal.SIGINT)
    assert run.code == 1
    assert "another run of stormdb uses the schema: server process" in run.err
    assert ended(setup).code == 130


def test_kept_data_of_an_embedded_server_is_used_again(
    stormdb_alone: Command, kept_folder: Path
) -> None:
    words = [*stormdb_alone.probe(), "--data-dir", str(kept_folder)]
    missing = stormdb_alone(*words)
    assert missing.code == 1
    assert "hint: run once with --setup" in missing.err
    assert stormdb_alone(*words, "--setup").code == 0
    assert stormdb_alone(*words).code == 0
    done = stormdb_alone(
        *("cleanup", "probe", "--yes", "--plugin", str(PROBE), "--data-dir", str(kept_folder))
    )
    assert (done.code, done.err.splitlines()[-1]) == (0, "schema stormdb_probe dropped")
    assert stormdb_alone.left_behind() == []

"""A host and its process: what is said, what is limited, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from stormdb.errors import ConnectError, PluginError
from stormdb.plugin import Config, Finding
from stormdb.plugins import Host, PluginLog, PluginRecord, discover
from stormdb.plugins import host as host_module
from tests.it.plugins.conftest import FIXTURES, SECOND_NS, ShortLimits

if TYPE_CHECKING:
    from stormdb.config import ConnectTarget

CONFIG = Config(workload="talk", schema="of Talk", workload_config={"language": "Latin"})


@pytest.fixture
def record() -> PluginRecord:
    (record,) = discover.at_path(FIXTURES / "talker.py")
    return record


async def open_host(record: PluginRecord, **options: Any) -> Host:
    host = await Host.start(record, options.pop("limits", ShortLimits()), **options)
    await host.create_workload("talk")
    return host


async def test_a_whole_life(record: PluginRecord, target: ConnectTarget) -> None:
    logs: list[PluginLog] = []
    progress: list[tuple[int, int | None, str]] = []
    async with await open_host(
        record, on_log=logs.append, on_progress=lambda *step: progress.append(step)
    ) as host:
        assert host.record.name == "talker"
        assert host.record.metadata
        assert host.record.metadata.version == "2.1"
        assert host.workload_doc == "Says words."
        await host.setup(target, CONFIG)
        assert await host.verify(target, CONFIG) == [
            Finding(name="words", ok=True, detail="3 of 3")
        ]
        await host.cleanup(target, CONFIG)
    assert progress == [(1, 4, "words"), (4, 4, "words")]
    assert [(log.logger, log.level, log.message) for log in logs] == [
        ("stormdb.plugin.talker", "warning", "speaking Latin"),
        ("talker", "error", 'path "of Talk", public, name stormdb setup'),
        ("talker", "warning", "goodbye"),
    ]
    assert logs[0].extra == {"words": 3}
    assert logs[2].extra == {"kept": "[1]"}
    assert {log.plugin for log in logs} == {"talker"}


async def test_the_configuration_is_checked_by_the_plugins_model(record: PluginRecord) -> None:
    async with await open_host(record) as host:
        assert await host.validate_config({"language": "Latin", "words": 4}) == []
        problems = await host.validate_config({"words": 11, "langage": "Latin"})
        assert [(problem.path, problem.message, problem.hint) for problem in problems] == [
            (("words",), "11 is too large", "the most is 10"),
            (("language",), "the key is missing", "add `language: …`"),
            (("langage",), "no such key", "did you mean language?"),
        ]
        assert host.workload_schema
        assert host.workload_schema["properties"]["words"]["description"] == "how many"


async def test_a_workload_type_that_the_plugin_does_not_list(record: PluginRecord) -> None:
    async with await Host.start(record, ShortLimits()) as host:
        with pytest.raises(PluginError) as caught:
            await host.create_workload("whisper")
    assert str(caught.value).endswith(
        "talker.py: plugin talker has no workload type whisper; hint: it has talk, shout"
    )


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (
            "wrong sql",
            'raised UndefinedTableError: relation "nowhere" does not exist (SQLSTATE 42P01)',
        ),
        ("group", "raised LookupError: in a group"),
    ],
)
async def test_what_setup_raises_is_told_with_its_line(
    mode: str, message: str, record: PluginRecord, target: ConnectTarget
) -> None:
    config = Config(workload="talk", mode=mode, workload_config={"language": "Latin"})
    async with await open_host(record) as host:
        with pytest.raises(PluginError) as caught:
            await host.setup(target, config)
        assert caught.value.message == f"plugin talker: setup() {message}"
        line = int(str(caught.value.where).partition("talker.py:")[2].partition(" ")[0])
        assert any(word in record_line(line) for word in ("nowhere", "LookupError"))
        # The process is as good as before.
        await host.verify(target, CONFIG)


def record_line(number: int) -> str:
    return (FIXTURES / "talker.py").read_text().splitlines()[number - 1]


async def test_sql_is_traced_at_debug(record: PluginRecord, target: ConnectTarget) -> None:
    logger = logging.getLogger("stormdb.plugin")
    logger.setLevel(logging.DEBUG)
    logs: list[PluginLog] = []
    try:
        async with await open_host(record, on_log=logs.append) as host:
            await host.setup(target, CONFIG)
    finally:
        logger.setLevel(logging.NOTSET)
    traced = [log.message for log in logs if log.logger == "stormdb.sql"]
    for statement in ("SHOW search_path", "SHOW application_name"):
        assert any(message.startswith(statement) for message in traced)


async def test_what_verify_returns_is_checked(record: PluginRecord, target: ConnectTarget) -> None:
    config = Config(workload="talk", mode="true", workload_config={"language": "Latin"})
    async with await open_host(record) as host:
        with pytest.raises(PluginError, match=r"returns bool from verify\(\), it must be a list"):
            await host.verify(target, config)


async def test_a_connection_that_is_not_given_back_does_not_hold_up_the_end(
    record: PluginRecord, target: ConnectTarget
) -> None:
    config = Config(
        workload="talk", mode="keep a connection", workload_config={"language": "Latin"}
    )
    async with asyncio.timeout(20), await open_host(record) as host:
        await host.setup(target, config)


async def test_a_server_that_is_not_there_is_no_fault_of_the_plugin(
    record: PluginRecord, target: ConnectTarget, tmp_path: Path
) -> None:
    nowhere = replace(target, hosts=(str(tmp_path),), ports=(1,))
    async with await open_host(record) as host:
        with pytest.raises(ConnectError, match="cannot connect to the server"):
            await host.setup(nowhere, CONFIG)


async def test_a_cancelled_call_ends_its_statement_on_the_server(
    record: PluginRecord, target: ConnectTarget
) -> None:
    config = Config(
        workload="talk", mode="sleep on the server", workload_config={"language": "Latin"}
    )
    watcher = await asyncpg.connect(**target.asyncpg_arguments())
    count = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep' AND state = $1"

    async def wait_for(sleeping: int) -> None:
        async with asyncio.timeout(10):
            while await watcher.fetchval(count, "active") != sleeping:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async with await open_host(record) as host:
        call = asyncio.create_task(host.setup(target, config))
        await wait_for(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await wait_for(0)
        await host.verify(target, CONFIG)
    await watcher.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs glibc")
async def test_code_that_never_gives_up_the_interpreter_is_named_with_its_line(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "hold")
    with pytest.raises(PluginError) as caught:
        await Host.start(record, ShortLimits(load_timeout_ns=5 * SECOND_NS // 2))
    assert "initialize() did not end within 2.50 s" in caught.value.message
    assert "it was at `ctypes.PyDLL(None).sleep(600)`" in caught.value.message


async def test_memory_that_no_resource_limit_bounds_is_bounded_all_the_same(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "map")
    with pytest.raises(PluginError) as caught:
        await Host.start(record, ShortLimits(memory_bytes=256 << 20))
    assert "initialize() needs more memory than the limit of 256.0 MiB" in caught.value.message


async def test_memory_that_is_used_up_to_the_last_byte_can_still_be_told(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "grow")
    with pytest.raises(PluginError) as caught:
        await Host.start(record, ShortLimits(memory_bytes=256 << 20))
    assert "initialize() needs more memory than the limit of 256.0 MiB" in caught.value.message
    assert "talker.py:" in str(caught.value.where)


async def test_a_damaged_pipe_ends_the_process(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "damage")
    with pytest.raises(PluginError) as caught:
        await Host.start(record, ShortLimits())
    assert "initialize() wrote to a pipe that is not its own: a frame of" in caught.value.message


async def test_a_traceback_goes_to_the_log_and_only_at_debug(
    record: PluginRecord, target: ConnectTarget, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(workload="talk", mode="group", workload_config={"language": "Latin"})
    with caplog.at_level(logging.DEBUG, "stormdb.plugins.host"):
        async with await open_host(record) as host:
            with pytest.raises(PluginError):
                await host.setup(target, config)
    (told,) = [one for one in caplog.records if "Traceback" in one.getMessage()]
    assert told.levelno == logging.DEBUG
    assert "raise LookupError" in told.getMessage()


async def test_a_blocked_event_loop_is_told_while_it_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host_module, "_WARN_NS", SECOND_NS // 2)
    (criminal,) = discover.at_path(FIXTURES / "criminal.py")
    monkeypatch.setenv("CRIME_STAGE", "initialize")
    monkeypatch.setenv("CRIME", "hang")
    logs: list[PluginLog] = []
    with pytest.raises(PluginError):
        await Host.start(criminal, ShortLimits(load_timeout_ns=3 * SECOND_NS), on_log=logs.append)
    assert logs
    assert logs[0].level == "warning"
    assert logs[0].message.startswith("initialize() has blocked the event loop for ")
    assert "criminal.py:" in logs[0].message
    assert logs[0].message.endswith('"hang": lambda: time.sleep(600),')


async def test_what_a_plugin_started_ends_with_it(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "leave")
    logs: list[PluginLog] = []
    async with await Host.start(record, ShortLimits(), on_log=logs.append):
        async with asyncio.timeout(10):
            while not logs:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    pid = int(logs[0].message.removeprefix("child "))
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Zombies that nobody waits for in this container do not count."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], check=False, capture_output=True, text=True
    )
    return state.stdout.strip()[:1] not in {"", "Z"}


async def test_a_flood_of_lines_does_not_reach_the_controller(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "flood")
    printed_count = left_out_count = 0

    def count(log: PluginLog) -> None:
        nonlocal printed_count, left_out_count
        if log.logger == "stdout":
            printed_count += 1
        elif log.message.endswith("more than 1000 a second"):
            left_out_count += int(log.message.split()[0])

    async with await Host.start(record, ShortLimits(), on_log=count), asyncio.timeout(60):
        while printed_count + left_out_count < 20_000:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert printed_count + left_out_count == 20_000
    assert left_out_count > 0


async def test_a_plugin_does_not_see_the_passwords_of_the_environment(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "environment")
    monkeypatch.setenv("PGPASSWORD", "hush")
    monkeypatch.setenv("STORMDB_DATABASE__PASSWORD", "hush")
    monkeypatch.setenv("MY_DB_PASSWORD", "hush")
    logs: list[PluginLog] = []
    async with await Host.start(record, ShortLimits(), on_log=logs.append):
        pass
    assert logs[0].message == "[]"


async def test_a_fork_of_plugin_code_cannot_damage_the_pipe(
    record: PluginRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER", "fork")
    logs: list[PluginLog] = []
    async with await open_host(record, on_log=logs.append):
        pass
    assert ("stderr", "talker: from the fork") in [(log.logger, log.message) for log in logs]


async def test_a_process_that_is_killed_is_named(record: PluginRecord) -> None:
    async with await open_host(record) as host:
        os.kill(host.pid, signal.SIGKILL)
        error = await host.lost()
        assert str(error).startswith(host.record.where)
        assert "the process was killed" in error.message
        with pytest.raises(PluginError, match=r"the process was killed during create_workload\(\)"):
            await host.create_workload("talk")


@pytest.mark.parametrize("stage", ["", "initialize"])
def test_a_process_ends_with_its_controller(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRIME_STAGE", stage)
    monkeypatch.setenv("CRIME", "hang")
    monkeypatch.setenv("PID_FILE", str(tmp_path / "pid"))
    code = f"""
import asyncio
from pathlib import Path
from stormdb.plugins import Host, discover
from stormdb.plugins.settings import DefaultLimits
async def main():
    (record,) = discover.at_path(Path({str(FIXTURES / "criminal.py")!r}))
    await Host.start(record, DefaultLimits(write=({str(tmp_path)!r},)))
    print("started", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    controller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert controller.stdout
    try:
        if stage:
            until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        else:
            assert controller.stdout.readline() == b"started\n"
    finally:
        controller.kill()
        controller.wait()
        controller.stdout.close()
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not is_running(pid))


def until(condition: Any) -> None:
    """Wait for what another process does, at most 20 s."""
    for _ in range(1000):
        with suppress(FileNotFoundError):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError("it did not happen within 20 s")

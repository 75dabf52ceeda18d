"""Every crime in every stage, by a real plugin in a real host process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.errors import ExitCode, PluginError
from stormdb.plugin import Config
from stormdb.plugins import Host, PluginLog, discover
from tests.it.plugins.conftest import FIXTURES, SECOND_NS, ShortLimits

if TYPE_CHECKING:
    from stormdb.config import ConnectTarget

PLUGIN_FILE = FIXTURES / "criminal.py"
STAGES = {
    "import": "import",
    "get_metadata": "get_metadata()",
    "initialize": "initialize()",
    "create_workload": "create_workload()",
    "setup": "setup()",
    "verify": "verify()",
    "cleanup": "cleanup()",
    "shutdown": "the plugin's cleanup()",
}
NEEDS_SERVER = ("setup", "verify", "cleanup")
CRIMES = {
    "raise": "raised ZeroDivisionError: division by zero",
    "hang": "did not end within ",
    "sys.exit": "called sys.exit(3)",
    "os._exit": "ended its process with exit status 4 by os._exit",
    "segfault": "crashed its process: segmentation fault (SIGSEGV)",
    "allocate": "needs more memory than the limit of 2.0 GiB",
}


@pytest.fixture
def stage_target(stage: str, request: pytest.FixtureRequest) -> ConnectTarget | None:
    """A database for the stages that get one."""
    return request.getfixturevalue("target") if stage in NEEDS_SERVER else None


def line_of(crime: str) -> int:
    """The line of the fixture that commits a crime."""
    lines = PLUGIN_FILE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if f'"{crime}": lambda' in line)


async def commit(
    stage: str, crime: str, target: ConnectTarget | None, monkeypatch: pytest.MonkeyPatch
) -> list[PluginLog]:
    """Take the criminal through its whole life."""
    monkeypatch.setenv("CRIME_STAGE", stage)
    monkeypatch.setenv("CRIME", crime)
    limits = ShortLimits()
    if crime == "hang" and target:
        limits = ShortLimits(setup_timeout_ns=2 * SECOND_NS, verify_timeout_ns=2 * SECOND_NS)
    elif crime == "hang":
        limits = ShortLimits(load_timeout_ns=SECOND_NS // 2)
    logs: list[PluginLog] = []
    (record,) = discover.at_path(PLUGIN_FILE)
    async with await Host.start(record, limits, on_log=logs.append) as host:
        await host.create_workload("scene")
        if target:
            config = Config(workload="scene")
            await host.setup(target, config)
            await host.verify(target, config)
            await host.cleanup(target, config)
    return logs


@pytest.mark.parametrize("crime", CRIMES)
@pytest.mark.parametrize("stage", STAGES)
async def test_a_crime_names_plugin_stage_and_line(
    stage: str,
    crime: str,
    stage_target: ConnectTarget | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PluginError) as caught:
        await commit(stage, crime, stage_target, monkeypatch)
    error = caught.value
    assert f"{STAGES[stage]} {CRIMES[crime]}" in error.message
    assert error.message.startswith("plugin criminal")
    assert error.where
    assert error.where.startswith(f"{PLUGIN_FILE.relative_to(Path.cwd())}:{line_of(crime)}")
    assert "Traceback" not in str(error)
    if crime == "hang":
        assert 'it was at `"hang": lambda: time.sleep(600),`' in error.message
    assert error.exit_code == ExitCode.WORKLOAD


@pytest.mark.parametrize("stage", STAGES)
async def test_what_a_plugin_prints_becomes_log_lines(
    stage: str,
    stage_target: ConnectTarget | None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    capfd.readouterr()
    logs = await commit(stage, "print", stage_target, monkeypatch)
    assert [log.message for log in logs if log.logger == "stdout"] == [
        "printed by print",
        "written to descriptor 1",
        "echoed by a child",
    ]
    assert [(log.message, log.level) for log in logs if log.logger == "stderr"] == [
        ("complained by print", "warning")
    ]
    assert capfd.readouterr() == ("", "")


async def test_a_plugin_that_waits_for_ever_is_named_with_the_line_of_its_await(
    target: ConnectTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRIME_STAGE", "verify, waiting")
    (record,) = discover.at_path(PLUGIN_FILE)
    limits = ShortLimits(verify_timeout_ns=2 * SECOND_NS)
    async with await Host.start(record, limits) as host:
        await host.create_workload("scene")
        with pytest.raises(PluginError, match=r"verify\(\) did not end within 2.00 s") as caught:
            await host.verify(target, Config(workload="scene"))
    assert "`await asyncio.sleep(600)`" in caught.value.message
    assert "(Scene.verify)" in str(caught.value.where)


async def test_a_crash_leaves_other_hosts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = discover.at_path(PLUGIN_FILE)
    async with await Host.start(record, ShortLimits()) as innocent:
        with pytest.raises(PluginError):
            await commit("initialize", "segfault", None, monkeypatch)
        await innocent.create_workload("scene")


async def test_nothing_of_a_hung_plugin_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CRIME_STAGE", "initialize")
    monkeypatch.setenv("CRIME", "hang")
    pid_file = tmp_path / "pid"
    pid_file.touch()
    monkeypatch.setenv("PID_FILE", str(pid_file))
    (record,) = discover.at_path(PLUGIN_FILE)
    limits = ShortLimits(write=(str(tmp_path),))
    task = asyncio.create_task(Host.start(record, limits))
    async with asyncio.timeout(60):
        while not pid_file.read_text():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)

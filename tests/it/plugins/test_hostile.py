"""What hostile plugins get; the table in docs/security.md is this one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import stormdb
from stormdb.errors import PluginError
from stormdb.plugins import Host, PluginLog, discover
from stormdb.plugins.plugin_log import LINES_PER_S
from tests.it.plugins.conftest import FIXTURES, SECOND_NS, ShortLimits

FLOOD_LINES = 50_000
PAGE = Path(__file__).parents[3] / "docs" / "security.md"
ATTACKS = {
    "read_shadow": "reads `/etc/shadow`, as root",
    "read_passwords": "reads `~/.pgpass`",
    "read_controller": "reads the environment of its keeper",
    "fork": "starts 200 processes that stay",
    "hoard": "keeps 4 GiB in memory",
    "spin": "computes for a minute",
    "open_files": "opens 200 files",
    "fill_one_file": "writes a file of 256 MiB",
    "fill_many_files": "writes 256 files of 1 MiB",
    "write_elsewhere": "writes outside of its folder",
    "kill_parent": "kills its parent",
    "connect": "opens a TCP connection",
    "send_datagram": "sends a UDP datagram",
    "flood": "prints 50,000 lines at once",
    "forge": "writes a forged message to the controller",
    "patch_memory": "patches stormdb's modules in memory",
    "patch_files": "writes into stormdb's folder",
    "leave_daemon": "leaves a daemon behind, in a session of its own",
}
NEEDS_LANDLOCK = {
    **dict.fromkeys(("read_shadow", "read_passwords", "read_controller"), 1),
    **dict.fromkeys(("write_elsewhere", "patch_files"), 1),
    "connect": 4,
    "kill_parent": 6,
}
LIMITS = ShortLimits(
    processes=50,
    disk_bytes=16 << 20,
    open_files=100,
    cpu_time_ns=3 * SECOND_NS,
    load_timeout_ns=100 * SECOND_NS,  # 3 s on a CPU may take long on a busy machine
)


@dataclass
class Stage:
    """Where an attack takes place."""

    secret: Path
    port: int


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    secret = tmp_path / ".pgpass"
    secret.write_text("*:*:*:*:hush")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("HOSTILE_FILE", str(secret))
        monkeypatch.setenv("HOSTILE_PORT", str(listener.getsockname()[1]))
        yield Stage(secret=secret, port=listener.getsockname()[1])


@pytest.fixture(scope="module")
def landlock() -> int:
    """The version of Landlock's interface that this kernel has; 0 for none."""

    async def ask() -> int:
        (record,) = discover.at_path(FIXTURES / "hostile.py")
        async with await Host.start(record, LIMITS, initialize=False) as host:
            return host.landlock

    return asyncio.run(ask())


async def attack(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the plugin attack; what it was told, or what the user is told."""
    monkeypatch.setenv("HOSTILE", name)
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    logs: list[PluginLog] = []
    begun = int(time.monotonic())
    try:
        async with await Host.start(record, LIMITS, on_log=logs.append):
            while name == "flood" and sum(map(lines_of, logs)) < FLOOD_LINES:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except PluginError as error:
        return error.message.removeprefix("plugin hostile: initialize() ")
    if name == "flood":
        seconds = int(time.monotonic()) - begun + 1
        assert sum(map(lines_of, logs)) == FLOOD_LINES
        printed = [log for log in logs if log.logger == "stdout"]
        assert len(printed) <= min(FLOOD_LINES - 1, LINES_PER_S * seconds)
        return f"at most {LINES_PER_S:,} lines a second come through, the others are counted"
    return logs[0].message


def lines_of(log: PluginLog) -> int:
    """How many lines of the plugin's a line of the log stands for."""
    return 1 if log.logger == "stdout" else int(log.message.partition(" lines were left out")[0])


def processes_in(folder: Path) -> list[str]:
    """Processes of plugins whose temporary folders lie in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(folder) in (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", ATTACKS)
async def test_the_table_tells_what_a_hostile_plugin_gets(
    name: str, stage: Stage, landlock: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if landlock < (needed := NEEDS_LANDLOCK.get(name, 0)):
        pytest.skip(f"needs Landlock {needed}, the kernel has {landlock}")
    if name == "read_shadow" and not os.access("/etc/shadow", os.R_OK):
        pytest.skip("without root nobody may read it anyway")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    stop = Host.stop
    row = f"| {ATTACKS[name]} | {await attack(name, monkeypatch)} |"
    assert row in PAGE.read_text().splitlines()
    assert Host.stop is stop
    assert stage.secret.read_text() == "*:*:*:*:hush"
    assert processes_in(tmp_path / "temporary") == []
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_table_has_no_other_rows() -> None:
    _, _, section = PAGE.read_text().partition("## What hostile plugins get")
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows[1:]] == list(ATTACKS.values())


async def test_a_plugin_has_no_descriptor_of_the_controllers_but_the_pipes_to_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTILE", "show_descriptors")
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    logs: list[PluginLog] = []
    with stage.secret.open() as file, socket.create_server(("127.0.0.1", 0)) as listener:
        pipe = os.pipe()
        for fd in (file.fileno(), listener.fileno(), *pipe):
            os.set_inheritable(fd, True)
        async with await Host.start(record, LIMITS, on_log=logs.append):
            ours = set(descriptors())
        for fd in pipe:
            os.close(fd)
    shared = [log.message for log in logs if log.message in ours]
    pipes = [one for one in shared if one.startswith("pipe:")]
    assert len(logs) > len(pipes) == 5  # commands, messages, crashes, stdout, stderr
    assert not [one for one in shared if one.startswith(("socket:", "/")) and one != os.devnull]


def descriptors() -> Iterator[str]:
    """What the descriptors of this process stand for."""
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that the list was read from
            yield str(link.readlink())


async def test_what_forks_again_and_again_is_gone_after_the_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOSTILE", "refork")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    async with await Host.start(record, ShortLimits(processes=10**6)):
        pass
    assert processes_in(tmp_path) == []


@pytest.fixture
def nobodys_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins run in a Python that another user may read, with the packages of this one."""
    if os.geteuid() != 0:
        pytest.skip("only root may run plugins as another user")
    packages = [path for path in sys.path if path.endswith("site-packages")]
    packages.append(str(Path(stormdb.__file__).parents[1]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(packages))
    monkeypatch.setenv("PYTHONNOUSERSITE", "1")
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        # Without permission to execute it this is an exception, in the child of this process.
        with contextlib.suppress(OSError):
            words = [python, "-P", "-c", "import stormdb.plugins.commands"]
            if subprocess.run(words, user="nobody", extra_groups=[], check=False).returncode == 0:
                monkeypatch.setattr(sys, "executable", python)
                return
    pytest.skip(f"user nobody may read no {name} of this machine, or not the packages")


@pytest.mark.usefixtures("nobodys_python", "stage")
async def test_plugins_run_as_the_user_that_the_limits_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOSTILE", "show_user")
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    logs: list[PluginLog] = []
    async with await Host.start(record, ShortLimits(user="nobody"), on_log=logs.append):
        pass
    nobody = pwd.getpwnam("nobody")
    assert logs[0].message == f"{nobody.pw_uid} {nobody.pw_uid} {nobody.pw_gid} []"


@pytest.mark.usefixtures("nobodys_python", "stage")
async def test_another_users_plugin_ends_with_its_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTILE", "leave_group")
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    heard: asyncio.Future[PluginLog] = asyncio.get_running_loop().create_future()
    start = asyncio.create_task(
        Host.start(record, ShortLimits(user="nobody"), on_log=heard.set_result)
    )
    await asyncio.wait([heard, start], return_when=asyncio.FIRST_COMPLETED)
    host_pid, keeper_pid = map(int, heard.result().message.split())
    host_fd = os.pidfd_open(host_pid)  # type: ignore[attr-defined,unused-ignore]
    try:
        os.kill(keeper_pid, signal.SIGKILL)
        with pytest.raises(PluginError):
            await start
        # It left the group, so the controller does not reach it; the kernel does.
        assert await asyncio.to_thread(select.select, [host_fd], [], [], 30) == ([host_fd], [], [])
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(host_fd, signal.SIGKILL)  # type: ignore[attr-defined,unused-ignore]
        os.close(host_fd)


async def test_a_user_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTILE", "show_user")
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    message = "this machine has no user nobody-here, see plugins.limits.user"
    with pytest.raises(PluginError, match=message):
        await Host.start(record, ShortLimits(user="nobody-here"))


async def test_what_is_declared_is_granted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    for name, limits in {
        "read_passwords": ShortLimits(read=(str(stage.secret),)),
        "write_elsewhere": ShortLimits(write=(str(stage.secret.parent),)),
        "connect": ShortLimits(connect=(stage.port,)),
    }.items():
        monkeypatch.setenv("HOSTILE", name)
        logs: list[PluginLog] = []
        async with await Host.start(record, limits, on_log=logs.append):
            pass
        assert logs[0].message in {"*:*:*:*:hush", "4", "done"}
    assert stage.secret.read_text() == "mine"

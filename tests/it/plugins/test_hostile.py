"""What hostile plugins get; the table in docs/security.md is this one."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stormdb.errors import PluginError
from stormdb.plugins import Host, PluginLog, discover
from tests.it.plugins.conftest import FIXTURES, ShortLimits

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
ATTACKS = {
    "read_shadow": "reads `/etc/shadow`, as root",
    "read_passwords": "reads `~/.pgpass`",
    "read_controller": "reads the environment of its keeper",
    "fork": "starts 200 processes that stay",
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
LIMITS = ShortLimits(processes=50, disk_bytes=16 << 20)


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


async def attack(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the plugin attack; what it was told, or what the user is told."""
    monkeypatch.setenv("HOSTILE", name)
    (record,) = discover.at_path(FIXTURES / "hostile.py")
    logs: list[PluginLog] = []
    try:
        async with await Host.start(record, LIMITS, on_log=logs.append) as host:
            if host.landlock < 6:
                pytest.skip("the kernel's Landlock is too old")
    except PluginError as error:
        return error.message.removeprefix("plugin hostile: initialize() ")
    if name == "flood":
        assert len(logs) < 50_000
        return "at most 1,000 lines a second come through, the others are counted"
    return logs[0].message


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
    name: str, stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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

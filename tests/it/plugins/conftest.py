"""Hosts and catalogs with short limits, a cache of their own, and the command."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.config import ConnectTarget
from stormdb.plugins.settings import DefaultLimits
from tests.conftest import database_of

if TYPE_CHECKING:
    from stormdb.server import EmbeddedServer

COMMAND = Path(sys.executable).with_name("stormdb")
FIXTURES = Path(__file__).parents[2] / "fixtures" / "plugins"
SECOND_NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortLimits(DefaultLimits):
    """Those of a configuration that says nothing, but for the patience."""

    setup_timeout_ns: int = 30 * SECOND_NS
    verify_timeout_ns: int = 30 * SECOND_NS


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No test reads what another one, or the user, left in the cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder, and a user who has no plugins yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    here = tmp_path / "project"
    here.mkdir()
    monkeypatch.chdir(here)
    return here


def run_stormdb(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `stormdb words…` to its end."""
    return subprocess.run([COMMAND, *map(str, words)], capture_output=True, text=True, check=False)


def stormdb(*words: object, code: int = 0) -> str:
    """All that `stormdb words…` says, whose exit code is known."""
    done = run_stormdb(*words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


class Imported:
    """Hears of each import of a plugin that `test_catalog.source` has written.

    By datagrams, because plugin code sees no variables and no files that it does not declare.
    """

    def __init__(self, socket: socket.socket) -> None:
        self._socket = socket

    def names(self) -> list[str]:
        """The plugins that were imported since the last question, each as often as it was."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(64).decode())
        return found


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Imported]:
    with socket.socket(type=socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        monkeypatch.setenv("TOLD_PORT", str(listener.getsockname()[1]))
        yield Imported(listener)


@pytest.fixture
def target(server: EmbeddedServer) -> ConnectTarget:
    """A database that no test of this folder writes to; a socket needs no access to a port."""
    database = database_of(server)
    return ConnectTarget(
        hosts=(str(server.socket_dir),),
        ports=(database.port,),
        user=database.user,
        dbname=database.dbname,
        password=database.password,
    )

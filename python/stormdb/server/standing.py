"""The server that `stormdb server start` leaves running, until `stormdb server stop`.

One for each user of the machine. Its state lies in the user's state folder: `server.json` says
where it is, `server.pgpass` is a password file for psql and every other libpq program.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError, ConnectError
from stormdb.server.account import Account
from stormdb.server.embedded import EmbeddedServer
from stormdb.server.guard import Guard
from stormdb.server.temporary import lock_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["StandingServer", "find", "start", "stop"]

_STATE = "server.json"
_PASSWORD = "server.pgpass"  # noqa: S105 - the name of a file
_NONE = "no server that `stormdb server start` started is running"


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingServer:
    """Where the server is and how to reach it; the password is in `password_file` alone."""

    host: str
    port: int
    user: str
    dbname: str
    version: str
    source: str
    pid: int
    bin_dir: Path
    socket_dir: Path
    data_path: Path
    log_path: Path
    password_file: Path
    is_kept: bool

    def is_running(self) -> bool:
        """Ask the lock on its folder: the server holds it, and a process id may be another's."""
        try:
            os.close(lock_folder(self.socket_dir))
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def psql(self, arguments: Sequence[str]) -> None:
        """Become psql, connected to the server.

        Raises:
            ConfigError: the program files have no psql.
        """
        program = self.bin_dir / "psql"
        if not program.exists():
            raise ConfigError(
                f"{self.bin_dir} holds no psql program",
                hint=f"PGPASSFILE={self.password_file} psql -h {self.host} -p {self.port} "
                f"-U {self.user} {self.dbname}",
            )
        connection = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": self.dbname,
            "PGPASSFILE": str(self.password_file),
        }
        others = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        os.execve(program, [str(program), *arguments], {**others, **connection})  # noqa: S606

    def as_json(self) -> dict[str, str | int | bool]:
        """Plain values, for `--json` and for the state file."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
        }


def start(
    *,
    settings: Mapping[str, str] | None = None,
    data_dir: Path | None = None,
    pg_bin: Path | None = None,
) -> StandingServer:
    """Start a server that outlives this process.

    Args:
        settings: as for `EmbeddedServer`.
        data_dir: likewise; None for data that `stop` removes.
        pg_bin: likewise.

    Raises:
        ConfigError: one is running already, or an argument cannot be used.
        ConnectError: it did not start.
    """
    with _locked_state() as state:
        earlier = _read(state)
        if earlier is not None and earlier.is_running():
            raise ConfigError(
                f"a server is running already, on port {earlier.port}",
                hint="stop it with `stormdb server stop`, or use it",
            )
        if earlier is not None:
            _remove(earlier, state)
        server = EmbeddedServer(settings=settings, data_dir=data_dir, pg_bin=pg_bin).start()
        try:
            standing = _record(state, server, is_kept=data_dir is not None)
        except BaseException:
            server.stop()
            raise
        server.detach()
        return standing


def find() -> StandingServer:
    """The server that is running.

    Raises:
        ConnectError: none is.
    """
    found = _read(_state_folder())
    if found is None or not found.is_running():
        raise ConnectError(_NONE, hint="start one with `stormdb server start`")
    return found


def stop() -> StandingServer:
    """Stop the server; a temporary one's data goes too.

    Raises:
        ConnectError: none is running; what is left of one that ended by itself is removed.
    """
    with _locked_state() as state:
        found = _read(state)
        was_running = found is not None and found.is_running()
        if found is not None:
            _remove(found, state)
        if found is None or not was_running:
            raise ConnectError(_NONE)
        return found


def _remove(server: StandingServer, state: Path) -> None:
    """End it the way every server ends: by a guard that lets go."""
    if server.socket_dir.exists():
        guard = Guard(
            account=Account.choose(server.socket_dir),
            folder=server.socket_dir,
            postgres=server.bin_dir / "postgres",
            data_dirs=[server.data_path],
        )
        if server.is_running():
            guard.watch(server.pid, signal.SIGINT if server.is_kept else signal.SIGQUIT)
        guard.end()
    for name in (_STATE, _PASSWORD):
        (state / name).unlink(missing_ok=True)


def _record(state: Path, server: EmbeddedServer, *, is_kept: bool) -> StandingServer:
    standing = StandingServer(
        host=server.host,
        port=server.port,
        user=server.user,
        dbname=server.dbname,
        version=server.version,
        source=server.source,
        pid=server.pid,
        bin_dir=server.bin_dir,
        socket_dir=server.socket_dir,
        data_path=server.data_path,
        log_path=server.log_path,
        password_file=state / _PASSWORD,
        is_kept=is_kept,
    )
    _write(
        standing.password_file,
        f"{server.host}:{server.port}:*:{server.user}:{server.password}\n",
    )
    _write(state / _STATE, json.dumps(standing.as_json(), indent=2) + "\n")
    return standing


def _read(state: Path) -> StandingServer | None:
    try:
        found = json.loads((state / _STATE).read_text())
    except FileNotFoundError:
        return None
    paths = ("bin_dir", "socket_dir", "data_path", "log_path", "password_file")
    return StandingServer(**{**found, **{name: Path(found[name]) for name in paths}})


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "stormdb"


@contextlib.contextmanager
def _locked_state() -> Iterator[Path]:
    """The state folder, for one `start` or `stop` at a time."""
    folder = _state_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = lock_folder(folder)
    except BlockingIOError:
        raise ConfigError(
            "another `stormdb server` command is at work", hint="wait until it is done"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be used: {error.strerror}",
            hint="point XDG_STATE_HOME to a folder that this user may write to",
        ) from None
    try:
        yield folder
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        file.write(text)

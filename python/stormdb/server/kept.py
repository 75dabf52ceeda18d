"""A folder of data that is kept between runs.

It holds `data` (PostgreSQL's data directory), `server.log`, and `stormdb-server.json`: the mark
that stormdb made it, with the superuser's password, readable by its owner only.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError
from stormdb.server.cluster import Login

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stormdb.server.account import Account
    from stormdb.server.cluster import Workshop
    from stormdb.server.programs import Programs

__all__ = ["MARK", "KeptFolder"]

MARK = "stormdb-server.json"


class KeptFolder:
    """See the module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"
        self.partial = path / "data.partial"  # renamed when it is whole
        self._mark = path / MARK

    @contextlib.contextmanager
    def locked(self, account: Account) -> Iterator[None]:
        """Keep a second start out until this one has got as far as `postmaster.pid`.

        Args:
            account: whom the server will run as.

        Raises:
            ConfigError: the folder is not ours, cannot be used, or another start is under way.
        """
        import fcntl

        self._check(account)
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise ConfigError(
                f"{self.path} is in use: another server is being started there",
                hint="name another data_dir",
            ) from None
        finally:
            os.close(descriptor)

    def _check(self, account: Account) -> None:
        try:
            nearest = next(path for path in (self.path, *self.path.parents) if path.exists())
            if not nearest.is_dir():
                raise ConfigError(f"{nearest} is not a folder", hint="name a folder as data_dir")
            self._check_reach(account, nearest)
            if nearest != self.path:
                self.path.mkdir(parents=True, exist_ok=True)
                # Others may pass: as root the server is another user. `data` is closed to them.
                self.path.chmod(0o711)
                self._check_reach(account, self.path)
            names = set(os.listdir(self.path))  # noqa: PTH208 - only the names
            if names and MARK not in names:
                kind = "a PostgreSQL data directory" if "PG_VERSION" in names else "a folder"
                raise ConfigError(
                    f"{self.path} is {kind} with content that stormdb did not put there",
                    hint="name an empty or new folder as data_dir",
                )
            if MARK in names:
                self._mark.open("rb").close()
        except OSError as error:
            raise ConfigError(
                f"{self.path} cannot be used by this user: {error.strerror}",
                hint="name a folder of your own as data_dir",
            ) from None

    def _check_reach(self, account: Account, path: Path) -> None:
        if account.identity and not account.test("-x", path):
            raise ConfigError(
                f"{self.path} lies where the server's user {account.name!r} may not go",
                hint="as root, name a folder under /var/lib or /var/tmp as data_dir",
            )

    def prepare(self, workshop: Workshop, wanted: Login, dbname: str) -> Login:
        """Make the data at the first start; at a later one say who its superuser is.

        Raises:
            ConfigError: the data is another major version's or another superuser's.
            ConnectError: the data directory or the database could not be made.
        """
        mark = self._read_mark()
        if mark is None or not self.data.exists():
            mark = _Mark(
                major=workshop.programs.major,
                user=wanted.user,
                password=wanted.password,
                databases=(dbname,),
            )
            self._write_mark(mark)
            self.discard_partial()
            workshop.create(self.partial, wanted)
            workshop.add_database(self.partial, dbname)
            self.partial.rename(self.data)
        self._check_fit(mark, workshop.programs, wanted.user)
        if dbname not in mark.databases:
            workshop.add_database(self.data, dbname)
            self._write_mark(replace(mark, databases=(*mark.databases, dbname)))
        return Login(user=mark.user, password=mark.password)

    def discard_partial(self) -> None:
        """Remove data that was not made to the end."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def _check_fit(self, mark: _Mark, programs: Programs, user: str) -> None:
        if mark.major != programs.major:
            raise ConfigError(
                f"{self.path} holds data of PostgreSQL {mark.major}, "
                f"the program files in {programs.bin_dir} are {programs.version}",
                hint=f"name another data_dir, or a folder of PostgreSQL {mark.major} as pg_bin",
            )
        if mark.user != user:
            raise ConfigError(
                f"{self.path} was made with the superuser {mark.user!r}, not {user!r}",
                hint="name another data_dir, or the superuser that it has",
            )

    def _read_mark(self) -> _Mark | None:
        try:
            found = json.loads(self._mark.read_text())
            return _Mark(**{**found, "databases": tuple(found["databases"])})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError):
            raise ConfigError(
                f"{self._mark} is damaged",
                hint="name another data_dir, or restore that file from a copy",
            ) from None

    def _write_mark(self, mark: _Mark) -> None:
        new = self._mark.with_suffix(".new")
        new.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(new, flags, 0o600), "w") as file:
            if os.geteuid() == 0:  # the folder may be an ordinary user's
                owner = self.path.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            json.dump(asdict(mark), file)
        new.replace(self._mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    major: int
    user: str
    password: str
    databases: tuple[str, ...]
    format: int = 1

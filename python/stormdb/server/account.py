"""Whom the server's processes run as: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from stormdb.errors import ConnectError

if TYPE_CHECKING:
    import pwd
    from pathlib import Path

__all__ = ["ENVIRONMENT", "Account", "PopenIdentity"]

# Nothing of the caller's environment: it may hold secrets, and SQL can read the server's.
# C keeps the messages in English, which `failures` reads.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

_UNPRIVILEGED = "nobody"


class PopenIdentity(TypedDict, total=False):
    """The arguments with which `subprocess` starts a process as another user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @classmethod
    def choose(cls, owned: Path | None = None) -> Account:
        """The account for a server: this process's own, unless that is root.

        As root it is the owner of `owned` (a data directory made by an earlier start), else
        `nobody`: it owns no files, so the server's superuser, whose SQL reaches the file system,
        can do the least harm. `postgres` would reach the data of the system's own server.

        Raises:
            ConnectError: this process is root and has nobody to run the server as.
        """
        import pwd

        if os.geteuid() != 0:
            entry = _entry(os.geteuid())
        elif owned is not None and owned.exists() and owned.stat().st_uid != 0:
            entry = _entry(owned.stat().st_uid)
        else:
            try:
                entry = pwd.getpwnam(_UNPRIVILEGED)
            except KeyError:
                raise ConnectError(
                    "PostgreSQL does not run as root, and this machine has no user "
                    f"{_UNPRIVILEGED!r} to run it as",
                    hint="run stormdb as an ordinary user, or name a server in `database`",
                ) from None
        return cls(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)

    @property
    def identity(self) -> PopenIdentity:
        """Arguments for `subprocess`: none when this process has the account already."""
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def run(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a short program as the account; its two outputs come as one text in `stdout`."""
        return subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=ENVIRONMENT,
            cwd="/",
            check=False,
            **self.identity,
        )

    def test(self, flags: str, path: Path) -> bool:
        """Ask as the account, so that every folder on the way counts: `-x`, `-w`, `-d`."""
        return self.run("/bin/sh", "-c", f'test {flags} "$0"', path).returncode == 0

    def make_folder(self, path: Path) -> None:
        """Make a folder that belongs to the account and is closed to others."""
        path.mkdir(mode=0o700)
        if self.identity:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def open_file(self, path: Path, flags: int) -> int:
        """Open a file of the account's for writing, made if need be, closed to others.

        Never through a symbolic link: as root we write into folders that others own.
        """
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if self.identity:
            os.fchown(descriptor, self.uid, self.gid)
        return descriptor


def _entry(uid: int) -> pwd.struct_passwd:
    import pwd

    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise ConnectError(
            f"the user id {uid} has no entry in the password database, which PostgreSQL asks for",
            hint="give the user a name (in a container: a line in /etc/passwd), "
            "or name a server in `database`",
        ) from None

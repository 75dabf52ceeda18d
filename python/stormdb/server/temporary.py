"""The temporary folder of a server: where it may lie, and removing those that were left.

A lock on the folder is held by this process and by the server. Only when the machine or a
container was switched off, guard and all, is there a folder without a lock: the next start
removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.errors import ConnectError
from stormdb.server.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stormdb.server.account import Account
    from stormdb.server.programs import Programs

__all__ = ["TemporaryFolder", "lock_folder"]

_NAME = re.compile(r"stormdb-[0-9a-f]{10}")
_MARK = ".temporary-folder-of-stormdb"
# A socket's path has at most 103 bytes on some systems; `/.s.PGSQL.65535` takes 15 of them.
_PATH_BYTES_MAX = 88


class TemporaryFolder:
    """A folder of the account's, with a guard that removes it.

    Args:
        account: whose it is.
        programs: for the guard.
        kept: data directories elsewhere that the server may run in; none: it runs in `data` here.

    Raises:
        ConnectError: no place where the account may make one.
    """

    def __init__(
        self,
        account: Account,
        programs: Programs,
        kept: tuple[Path, ...],
    ) -> None:
        tried: list[str] = []
        for base in _bases():
            _sweep(base, account, programs)
            self.path = base / f"stormdb-{secrets.token_hex(5)}"
            if len(os.fsencode(self.path)) > _PATH_BYTES_MAX:
                tried.append(f"{base}: too long for the path of a socket")
                continue
            self.guard = Guard(
                account=account,
                folder=self.path,
                postgres=programs.path("postgres"),
                data_dirs=kept or (self.path / "data",),
            )
            if self.guard.is_ready:
                self.lock = lock_folder(self.path)
                os.close(account.open_file(self.path / _MARK, os.O_WRONLY))
                return
            tried.append(f"{base}: user {account.name!r} cannot make a folder there")
        raise ConnectError(
            "no place for the server's temporary files"
            + "".join(f"\n  {place}" for place in tried),
            hint="point TMPDIR to a folder that this user may write to",
        )


def _bases() -> Iterator[Path]:
    """Where temporary data goes: /var/tmp before /tmp, which may be memory and would be no disk."""
    if chosen := os.environ.get("TMPDIR"):
        yield Path(chosen).absolute()
    yield Path("/var/tmp")  # noqa: S108 - the name below it is random and its folder private
    yield Path(tempfile.gettempdir())


def lock_folder(path: Path) -> int:
    """Lock a folder; returns the descriptor that holds the lock.

    Raises:
        BlockingIOError: another process holds it.
    """
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _sweep(base: Path, account: Account, programs: Programs) -> None:
    for folder in base.glob("stormdb-*"):
        with contextlib.suppress(OSError):  # another user's, locked, or just being removed
            is_ours = _NAME.fullmatch(folder.name) and folder.lstat().st_uid == account.uid
            # The mark comes after the lock: a folder without it may be one that is being made.
            if not is_ours or not (folder / _MARK).is_file():
                continue
            descriptor = lock_folder(folder)
            Guard(
                account=account,
                folder=folder,
                postgres=programs.path("postgres"),
                data_dirs=[folder / "data"],
            ).end()
            os.close(descriptor)

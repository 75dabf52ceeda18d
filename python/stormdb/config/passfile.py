"""libpq's password file: `host:port:database:user:password`, one a line."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

__all__ = ["PasswordFileError", "find_password"]

_DEFAULT_SOCKET_FOLDERS = ("/var/run/postgresql", "/run/postgresql", "/tmp")  # noqa: S108
# A field ends at the first colon without a backslash before it; the password is what is left.
_PATTERN = r"((?:[^:\\]|\\.|\\$)*):"
_LINE = re.compile(_PATTERN * 4 + "(.*)", re.DOTALL)


class PasswordFileError(Exception):
    """The file is there but cannot be used; the message says why."""


def find_password(
    passfile: Path, *, hosts: tuple[str, ...], ports: tuple[int, ...], dbname: str, user: str
) -> str | None:
    """Password of the first line that fits the first host that has one.

    Raises:
        PasswordFileError: the file is open to other users, is no file, or cannot be read.
    """
    text = _read(passfile)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    entries = [match.groups() for line in lines if (match := _entry(line))]
    for host, port in zip(hosts, ports, strict=True):
        # A socket in its usual folder is called `localhost` in the file.
        host_key = "localhost" if host in _DEFAULT_SOCKET_FOLDERS else host
        wanted = (host_key, str(port), dbname, user)
        for *patterns, password in entries:
            if all(p == "*" or _plain(p) == w for p, w in zip(patterns, wanted, strict=True)):
                return _plain(password)
    return None


def _entry(line: str) -> re.Match[str] | None:
    return None if line.startswith("#") else _LINE.fullmatch(line)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _read(passfile: Path) -> str:
    try:
        info = passfile.stat()
        if not stat.S_ISREG(info.st_mode):
            raise PasswordFileError("it is not a plain file")
        if os.name == "posix" and info.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = f"{info.st_mode & 0o777:04o}"
            raise PasswordFileError(f"others may use it (mode {mode} instead of 0600)")
        return passfile.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise PasswordFileError(f"it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PasswordFileError("it is not UTF-8") from None

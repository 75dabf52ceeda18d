"""A data directory: made by initdb, with the databases and the extension that a run needs."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError
from stormdb.server import failures

if TYPE_CHECKING:
    from pathlib import Path

    from stormdb.server.account import Account
    from stormdb.server.guard import Guard
    from stormdb.server.programs import Programs

__all__ = ["Login", "Workshop", "check_name"]

_MADE_BY_INITDB = ("postgres", "template1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The superuser of a server."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login(user={self.user!r})"


def check_name(name: str, what: str) -> None:
    """Refuse what cannot name a role or a database.

    Raises:
        ConfigError: it is empty, longer than 63 bytes, or has control characters in it.
    """
    if not name or len(name.encode()) > 63 or not name.isprintable():
        raise ConfigError(
            f"{name!r} cannot be the name of a {what}: 1 to 63 bytes without control characters"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What it takes to work on a data directory while no server runs in it.

    Args:
        account, programs, guard: whose processes, which program files, who watches them.
        folder: a folder of the account's for short-lived files.
        is_durable: whether the files must survive a loss of power; a temporary server's need not.
    """

    account: Account
    programs: Programs
    guard: Guard
    folder: Path
    is_durable: bool

    def create(self, data: Path, login: Login) -> None:
        """Make a data directory. The password goes through a file, never through an argument.

        Raises:
            ConnectError: initdb did not succeed.
        """
        self.account.make_folder(data)
        handed = self.folder / "password"
        with os.fdopen(self.account.open_file(handed, os.O_WRONLY | os.O_EXCL), "w") as file:
            file.write(login.password)
        argv: list[str | Path] = [
            *(self.programs.path("initdb"), "-D", data, "-U", login.user),
            *(f"--pwfile={handed}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--no-instructions", "--no-clean", *(() if self.is_durable else ("--no-sync",))),
        ]
        status, text = self._run(argv)
        handed.unlink()
        if status != 0:
            raise failures.explain("initdb did not make a data directory", text, data)

    def add_database(self, data: Path, name: str) -> None:
        """Make a database, and pg_stat_statements in the template that all later ones come from.

        In single-user mode: no client program, no password, and 0.1 s.

        Raises:
            ConnectError: PostgreSQL reported an error.
        """
        sql = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;\n"
        if name not in _MADE_BY_INITDB:
            quoted = name.replace('"', '""')
            sql += f'CREATE DATABASE "{quoted}";\n'
        argv: list[str | Path] = [self.programs.path("postgres"), "--single", "-D", data]
        argv += [*(() if self.is_durable else ("-c", "fsync=off")), "template1"]
        status, text = self._run(argv, sql)
        errors = [line for line in text.splitlines() if " ERROR: " in line or " FATAL: " in line]
        # Program files may come without the extension; the database may have been made by hand.
        unexpected = [
            line
            for line in errors
            if 'extension "pg_stat_statements" is not available' not in line
            and f'database "{name}" already exists' not in line
        ]
        if status != 0 or unexpected:
            raise failures.explain(f"the database {name!r} was not made", text, data)

    def _run(self, argv: list[str | Path], input_text: str = "") -> tuple[int, str]:
        process = self.guard.launch(argv, output=subprocess.PIPE, input_text=input_text)
        output, _ = process.communicate()
        self.guard.forget()
        return process.returncode, output.decode(errors="replace")

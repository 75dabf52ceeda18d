"""Questions to the user, in a way that Ctrl-C still ends the run."""

from __future__ import annotations

import asyncio
import os
import sys

from stormdb.errors import ConfigError

__all__ = ["always", "ask", "ask_password"]


async def always(_: str) -> bool:
    """`--yes`."""
    return True


async def ask(what: str) -> bool:
    """Ask on the terminal whether something may be dropped; anything but y or yes is no.

    Raises:
        ConfigError: there is no terminal to ask on.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            f"{what} would be dropped, and there is no terminal to ask on",
            hint="give --yes to say yes beforehand",
        )
    sys.stderr.write(f"drop {what}? [y/N] ")
    sys.stderr.flush()
    # A thread that reads would hold up the end of the process; a terminal gives whole lines.
    loop = asyncio.get_running_loop()
    is_readable = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), is_readable.set)
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    answer = os.read(sys.stdin.fileno(), 1024).decode(errors="replace")
    return answer.strip().lower() in {"y", "yes"}


def ask_password() -> str:
    """Ask for a password without showing it.

    Raises:
        ConfigError: there is no terminal to ask on.
    """
    from getpass import getpass

    if not sys.stdin.isatty():
        raise ConfigError(
            "--ask-password needs a terminal to ask on", hint="use PGPASSWORD or ~/.pgpass"
        )
    return getpass("password: ")

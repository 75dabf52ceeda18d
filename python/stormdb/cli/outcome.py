"""The one place that turns what a command raises into a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from stormdb.errors import ExitCode, StoreError, StormdbError

__all__ = ["exit_code_of", "needing_room", "say"]

PROGRAM = "stormdb"


def say(text: str) -> None:
    """Tell the user something on standard error; secrets that code of plugins told stay hidden."""
    from stormdb.logs import redact

    typer.echo(redact(text), err=True)


def exit_code_of(command: Any, arguments: list[str] | None = None) -> int:
    """Run a command line; see docs/exit-codes.md.

    Args:
        command: the root command.
        arguments: the words after the program's name; None takes `sys.argv`.
    """
    try:
        with needing_room():
            result = command.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except StormdbError as error:
        say(f"{PROGRAM}: {error}")
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        say(_usage_message(error))
        return ExitCode.USAGE
    except BrokenPipeError:
        _discard_stdout()  # its reader left, which is its right
        return ExitCode.USAGE
    except Exception as error:
        say(_bug_message(error))
        return ExitCode.UNTRUSTED
    return int(result or ExitCode.MET)


@contextmanager
def needing_room() -> Iterator[None]:
    """Do something that writes, to its last byte.

    Raises:
        StoreError: the disk is full.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_stdout()
        raise StoreError(
            "no room is left to write to", hint="look where the output is redirected to"
        ) from error


def _discard_stdout() -> None:
    # Python would try once more while it exits, and fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage_message(error: typer.TyperException) -> str:
    message = str(error.format_message())
    if message.startswith("Usage:"):  # a group without a command: this is its help
        return message
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    hint = f"`{path} --help` shows what is known"
    if near := getattr(error, "possibilities", None):
        message, hint = error.message, f"did you mean {near[0]}?"
    elif " Did you mean " in message:
        message, _, near = message.partition(" Did you mean ")
        hint = f"did you mean {near}"
    return f"{path}: {message[:1].lower()}{message[1:].rstrip('.')}; hint: {hint}"


def _bug_message(error: Exception) -> str:
    from stormdb.logs import redact

    text = redact("".join(traceback.format_exception(error)))
    what = f"{type(error).__name__}: {redact(str(error))}".splitlines()[0]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="stormdb-traceback-", suffix=".txt", delete=False
        ) as file:
            file.write(text)
    except OSError:
        return f"{PROGRAM}: this is a bug in stormdb: {what}\n{text}"
    return (
        f"{PROGRAM}: this is a bug in stormdb: {what}; hint: please report it together with the "
        f"traceback in {file.name}"
    )

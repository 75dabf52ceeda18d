"""The one place that turns what a command raises into a message and an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING

import typer

from stormdb.errors import ExitCode, StormdbError

if TYPE_CHECKING:
    from typer.core import TyperGroup

__all__ = ["exit_code_of", "say"]

PROGRAM = "stormdb"


def say(text: str) -> None:
    """Tell the user something on standard error."""
    typer.echo(text, err=True)


def exit_code_of(command: TyperGroup, arguments: list[str] | None = None) -> int:
    """Run a command line; see docs/exit-codes.md.

    Args:
        command: the root command.
        arguments: the words after the program's name; None takes `sys.argv`.
    """
    try:
        result = command.main(arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except StormdbError as error:
        say(f"{PROGRAM}: {error}")
        return error.exit_code
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        say(_usage_message(error))
        return ExitCode.USAGE
    except BrokenPipeError:
        # The reader of standard output left; Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.USAGE
    except Exception as error:
        say(_bug_message(error))
        return ExitCode.UNTRUSTED
    return int(result or ExitCode.MET)


def _usage_message(error: typer.TyperException) -> str:
    message = str(error.format_message()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    return f"{path}: {message[:1].lower()}{message[1:]}; hint: `{path} --help` shows what is known"


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

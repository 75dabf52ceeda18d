"""The one tree of errors, and the exit code of each.

A message says what happened, where, and how to mend it, in lower case without a final stop.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

__all__ = [
    "ConfigError",
    "ConnectError",
    "ExitCode",
    "InterruptedRunError",
    "PluginError",
    "ProgramError",
    "RunError",
    "StoreError",
    "StormdbError",
    "WorkloadError",
]


class ExitCode(IntEnum):
    """What the command's exit status says."""

    MET = 0
    USAGE = 1
    CONNECT = 2
    WORKLOAD = 3
    THRESHOLD_MISSED = 4
    UNTRUSTED = 5
    INTERRUPTED = 130


class StormdbError(Exception):
    """A failure that is told to the user as one message, never as a traceback.

    Args:
        message: what happened, with values and units; lower case, no final stop.
        where: the place: a file and line, a configuration key, an SQL statement.
        hint: what to do about it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}; hint: {self.hint}" if self.hint else text


class ConfigError(StormdbError):
    """A flag, a key of the configuration or a file that it names cannot be used."""

    exit_code = ExitCode.USAGE


class ConnectError(StormdbError):
    """The server cannot be reached, started or logged in to."""

    exit_code = ExitCode.CONNECT


class WorkloadError(StormdbError):
    """A workload did not do what its contract asks."""

    exit_code = ExitCode.WORKLOAD


class PluginError(WorkloadError):
    """A plugin cannot be loaded, or its code failed; the message names it."""


class ProgramError(WorkloadError):
    """A described transaction cannot be compiled."""


class RunError(StormdbError):
    """The run itself could not go on; what it measured is kept."""

    exit_code = ExitCode.UNTRUSTED


class InterruptedRunError(RunError):
    """The user ended the run by a signal before it had anything to report."""

    exit_code = ExitCode.INTERRUPTED


class StoreError(StormdbError):
    """A result cannot be written or read."""

    exit_code = ExitCode.USAGE

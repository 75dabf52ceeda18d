"""Why the server did not start: its own words, sorted into errors that say how to mend it."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError, ConnectError, StormdbError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["explain", "is_port_taken", "lacks_statement_statistics", "refused"]

_LINES_MAX = 12
# What stands before the message: a time, in initdb's output after the name of a step.
_STAMP = re.compile(
    r"^([a-z -]+ \.\.\. )?(\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] |(?=initdb: error:))"
)
_MESSAGE = re.compile(r"(LOG|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|initdb: (error|detail|hint)):")
_SETTINGS = re.compile(
    r'configuration file ".*" contains errors|could not access file "'
    r"|outside the valid range for parameter|invalid value for parameter"
)


def is_port_taken(log: str) -> bool:
    """Somebody took the port between our choosing it and the server's binding it."""
    return "could not bind IPv4 address" in log and "Address already in use" in log


def lacks_statement_statistics(log: str) -> bool:
    """The program files came without PostgreSQL's additional modules."""
    return 'could not access file "pg_stat_statements"' in log


def explain(doing: str, log: str, data: Path) -> StormdbError:
    """The error for a program that ended: what it was doing, and the end of what it wrote.

    Args:
        doing: what did not come off, e.g. `the server did not start`.
        log: what the program wrote since it was started.
        data: its data directory.
    """
    if 'lock file "postmaster.pid" already exists' in log:
        held = re.search(r"\(PID (\d+)\)", log)
        return ConfigError(
            f"{data.parent} is in use by a running server, process {held[1] if held else '?'}",
            hint="stop that server, or name another data_dir",
        )
    if is_port_taken(log):
        port = re.search(r"running on port (\d+)", log)
        return ConnectError(
            f"{doing}: port {port[1] if port else '?'} is taken by another program",
            hint="give another port, or none: then a free one is chosen",
        )
    written = [_STAMP.sub("", line) for line in log.splitlines() if line.strip()]
    lines = [line for line in written if _MESSAGE.match(line)] or written
    if _SETTINGS.search(log):
        said = [line for line in lines if not re.search("contains errors|is shut down", line)]
        return ConfigError(
            f"PostgreSQL does not accept the settings: {'; '.join(_bare(line) for line in said)}",
            hint="mend the setting or leave it out",
        )
    if "No space left on device" in log or "Check free disk space" in log:
        hint = _room_hint(data.parent)
    elif "could not map anonymous shared memory" in log or "Cannot allocate memory" in log:
        hint = "lower shared_buffers or max_connections"
    else:
        hint = None
    text = "\n  ".join(lines[-_LINES_MAX:]) or "nothing"
    return ConnectError(f"{doing}; it wrote:\n  {text}", hint=hint)


def refused(error: OSError, folder: Path | None) -> ConnectError:
    """The error for what the operating system refused while the server was being started.

    Args:
        error: its refusal.
        folder: where the server's files were to lie; None if that was not known yet.
    """
    where = error.filename or folder
    is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return ConnectError(
        f"the server did not start: {error.strerror}",
        where=str(where) if where else None,
        hint=_room_hint(where) if is_full else None,
    )


def _room_hint(folder: Path | str | None) -> str:
    place = f"where {folder} lies" if folder else "there"
    return (
        f"free some space {place}, or name a folder on another disk: in TMPDIR for temporary data, "
        "in database.data_dir for data that is kept"
    )


def _bare(line: str) -> str:
    return re.sub(r' in file ".*" line \d+$|\.$', "", line.partition(":")[2].strip())

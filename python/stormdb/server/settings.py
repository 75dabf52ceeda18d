"""The server's settings: ours, the caller's over them, and the file that hands both over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULTS", "check", "quote", "render"]

# What differs from PostgreSQL's own defaults, and why. Nothing here trades safety for speed:
# fsync, full_page_writes and synchronous_commit stay on, or the numbers would be about no server
# that anyone runs.
DEFAULTS: Mapping[str, str] = {
    # The usual first choice for a machine that does other things too; 128MB is small for tables
    # of a load test, a quarter of a laptop's memory is rude.
    "shared_buffers": "256MB",
    # Room for a few hundred clients and the observer; an idle slot costs some kilobytes.
    "max_connections": "300",
    # With 1GB, a write-heavy minute is all checkpoints.
    "max_wal_size": "4GB",
    # An SSD reads a random page about as fast as the next one.
    "random_page_cost": "1.1",
    # Compiling costs short statements more than it saves, and makes their times jump.
    "jit": "off",
    # Statement and I/O times for the report; a clock read is some tens of nanoseconds.
    "shared_preload_libraries": "pg_stat_statements",
    "track_io_timing": "on",
}

# Where the server listens and where its files lie is decided by the launcher.
_RESERVED = {
    "config_file": "the launcher writes it",
    "data_directory": "give data_dir instead",
    "external_pid_file": "the launcher watches the server itself",
    "hba_file": "it lies in the data directory",
    "ident_file": "it lies in the data directory",
    "listen_addresses": "the server listens on 127.0.0.1 only",
    "unix_socket_directories": "the launcher makes one and removes it",
    "logging_collector": "the launcher keeps the log",
}
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


def check(settings: Mapping[str, str]) -> dict[str, str]:
    """The caller's settings, names in lower case.

    Raises:
        ConfigError: a name is none or belongs to the launcher, or the port is none. Whether
            PostgreSQL knows a name and likes its value is said by itself, at the start.
    """
    checked: dict[str, str] = {}
    for name, value in settings.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} is not the name of a PostgreSQL setting",
                hint="write name=value, e.g. work_mem=64MB",
            )
        if lower in _RESERVED:
            raise ConfigError(f"the setting {lower} cannot be given: {_RESERVED[lower]}")
        if "\0" in value:
            raise ConfigError(f"the value of {lower} contains a NUL character")
        if lower == "port" and not (value.isdecimal() and 1 <= int(value) <= 65535):
            raise ConfigError(f"{value!r} is not a port: 1 to 65535")
        checked[lower] = value
    return checked


def render(settings: Mapping[str, str]) -> str:
    """Lines of a configuration file; values are quoted, so they may hold anything but NUL."""
    return "".join(f"{name} = {quote(value)}\n" for name, value in settings.items())


def quote(value: str) -> str:
    """One word of a configuration file."""
    escaped = value.replace("\\", r"\\").replace("'", "''").replace("\n", r"\n")
    return f"'{escaped}'"

"""The texts are PostgreSQL's own, as real servers wrote them; only paths and times are changed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from stormdb.errors import ConfigError, ConnectError
from stormdb.server.failures import explain, is_port_taken, lacks_statement_statistics, refused

DATA = Path("/somewhere/data")
STAMP = "2026-03-01 10:00:00.123 UTC [4711] "
CONTAINS_ERRORS = f'{STAMP}FATAL:  configuration file "/tmp/x/postgresql.conf" contains errors\n'

PORT_TAKEN = f"""\
{STAMP}LOG:  starting PostgreSQL 18.6 on x86_64-pc-linux-gnu
{STAMP}LOG:  could not bind IPv4 address "127.0.0.1": Address already in use
{STAMP}HINT:  Is another postmaster already running on port 5432? If not, wait a few seconds.
{STAMP}WARNING:  could not create listen socket for "127.0.0.1"
{STAMP}FATAL:  could not create any TCP/IP sockets
{STAMP}LOG:  database system is shut down
"""
IN_USE = f"""\
{STAMP}FATAL:  lock file "postmaster.pid" already exists
{STAMP}HINT:  Is another postmaster (PID 4242) running in data directory "/somewhere/data"?
"""
BAD_UNIT = f"""\
{STAMP}LOG:  invalid value for parameter "work_mem": "1X"
{STAMP}HINT:  Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".
{CONTAINS_ERRORS}"""
UNKNOWN = f"""\
{STAMP}LOG:  unrecognized configuration parameter "work_men" in file "/tmp/x/postgresql.conf" line 9
{CONTAINS_ERRORS}"""
NO_TLS = f"""\
{STAMP}LOG:  SSL is not supported by this build
{CONTAINS_ERRORS}"""
NO_LIBRARY = f"""\
{STAMP}FATAL:  could not access file "nope": No such file or directory
{STAMP}LOG:  database system is shut down
"""
NO_STATISTICS = NO_LIBRARY.replace("nope", "pg_stat_statements")
NO_MEMORY = f"""\
{STAMP}FATAL:  could not map anonymous shared memory: Cannot allocate memory
{STAMP}HINT:  This error usually means that PostgreSQL's request exceeded available memory.
{STAMP}LOG:  database system is shut down
"""
DISK_FULL = f"""\
Running in no-clean mode.  Mistakes will not be cleaned up.
The files belonging to this database system will be owned by user "me".
creating configuration files ... ok
running bootstrap script ... {STAMP}FATAL:  could not extend file "base/1/2691": wrote only 4096 \
of 8192 bytes at block 10
{STAMP}HINT:  Check free disk space.
{STAMP}PANIC:  cannot abort transaction 1, it was already committed
Aborted
child process exited with exit code 134
initdb: data directory "/somewhere/data" not removed at user's request
"""

REFUSED = "PostgreSQL does not accept the settings"
MEND = "mend the setting or leave it out"
SAID = {
    "in use": (
        IN_USE,
        "/somewhere is in use by a running server, process 4242",
        "stop that server, or name another data_dir",
    ),
    "unit": (
        BAD_UNIT,
        (
            f'{REFUSED}: invalid value for parameter "work_mem": "1X"; '
            'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB"'
        ),
        MEND,
    ),
    "unknown": (UNKNOWN, f'{REFUSED}: unrecognized configuration parameter "work_men"', MEND),
    "tls": (NO_TLS, f"{REFUSED}: SSL is not supported by this build", MEND),
    "library": (
        NO_LIBRARY,
        f'{REFUSED}: could not access file "nope": No such file or directory',
        MEND,
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_a_users_mistake_is_said_in_a_line(case: str) -> None:
    log, message, hint = SAID[case]
    error = explain("the server did not start", log, DATA)
    assert type(error) is ConfigError
    assert (error.message, error.hint) == (message, hint)


def test_a_port_that_is_taken_is_named() -> None:
    error = explain("the server did not start", PORT_TAKEN, DATA)
    assert type(error) is ConnectError
    assert error.message == "the server did not start: port 5432 is taken by another program"


def test_a_full_disk_shows_what_counts_of_what_initdb_wrote() -> None:
    error = explain("initdb did not make a data directory", DISK_FULL, DATA)
    assert type(error) is ConnectError
    assert error.message.splitlines() == [
        "initdb did not make a data directory; it wrote:",
        '  FATAL:  could not extend file "base/1/2691": wrote only 4096 of 8192 bytes at block 10',
        "  HINT:  Check free disk space.",
        "  PANIC:  cannot abort transaction 1, it was already committed",
    ]
    assert error.hint == (
        "free some space where /somewhere lies, or name a folder on another disk: in TMPDIR for "
        "temporary data, in database.data_dir for data that is kept"
    )


def test_too_little_memory_comes_with_what_to_lower() -> None:
    error = explain("the server did not start", NO_MEMORY, DATA)
    assert type(error) is ConnectError
    assert error.hint == "lower shared_buffers or max_connections"
    assert "exceeded available memory" in error.message


def test_what_is_not_known_shows_the_last_lines_without_time_stamps() -> None:
    log = "".join(f"{STAMP}LOG:  line {number}\n" for number in range(40))
    lines = explain("the server did not start", log, DATA).message.splitlines()
    assert lines[0] == "the server did not start; it wrote:"
    assert lines[1:] == [f"  LOG:  line {number}" for number in range(28, 40)]


def test_words_of_the_loader_are_shown_as_they_are() -> None:
    log = "/bin/postgres: error while loading shared libraries: libz.so.1\n"
    assert log.strip() in str(explain("the server did not start", log, DATA))


def test_silence_is_said() -> None:
    assert "it wrote:\n  nothing" in str(explain("the server did not start", "", DATA))


def test_the_two_that_are_tried_again_are_told_apart() -> None:
    logs = [PORT_TAKEN, NO_STATISTICS, NO_MEMORY, DISK_FULL, *(case[0] for case in SAID.values())]
    assert [log for log in logs if is_port_taken(log)] == [PORT_TAKEN]
    assert [log for log in logs if lacks_statement_statistics(log)] == [NO_STATISTICS]


def test_the_systems_refusal_names_the_file_and_for_a_full_disk_the_way_out() -> None:
    full = refused(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), Path("/somewhere"))
    assert str(full).startswith("/somewhere: the server did not start: No space left on device; ")
    assert "hint: free some space where /somewhere lies, or name a folder" in str(full)
    denied = refused(PermissionError(errno.EACCES, "Permission denied", "/somewhere/log"), None)
    assert str(denied) == "/somewhere/log: the server did not start: Permission denied"

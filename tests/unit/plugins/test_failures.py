from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest

from stormdb.errors import ConnectError, PluginError, StormdbError
from stormdb.plugins import EntryPoint, Kind, PluginRecord
from stormdb.plugins.failures import (
    ContractError,
    describe,
    error_of_end,
    error_of_failure,
    time_error,
)
from stormdb.plugins.process import ChildLost

RECORD = PluginRecord(
    name="shop",
    kind=Kind.FILE,
    source="/plugins/shop.py",
    entry=EntryPoint(module="shop", file="/plugins/shop.py", roots=("/plugins/shop.py",)),
)
CRASH = 'Current thread 0x1:\n  File "/plugins/shop.py", line 4 in fill\n'


class ServerError(Exception):
    """As asyncpg's, which have a SQLSTATE."""

    sqlstate = "42P01"


class MuteError(Exception):
    """Has no text, and cannot make one."""

    def __str__(self) -> str:
        raise RuntimeError


def told(
    error: BaseException, command: str = "setup", record: PluginRecord = RECORD
) -> StormdbError:
    return error_of_failure(record, command, describe(error, [__file__]), 1 << 30)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("no rows"), "plugin shop: setup() raised ValueError: no rows"),
        (ValueError(), "plugin shop: setup() raised ValueError"),
        (ValueError("two\n lines"), "plugin shop: setup() raised ValueError: two lines"),
        (ServerError("gone"), "plugin shop: setup() raised ServerError: gone (SQLSTATE 42P01)"),
        (MuteError(), "raised MuteError: (its text cannot be made: RuntimeError)"),
        (ExceptionGroup("all", [KeyError("x")]), "plugin shop: setup() raised KeyError: 'x'"),
        (SystemExit(), "plugin shop: setup() called sys.exit(None)"),
        (SystemExit("bye"), "plugin shop: setup() called sys.exit('bye')"),
        (KeyboardInterrupt(), "plugin shop: setup() raised KeyboardInterrupt"),
        (MemoryError(), "plugin shop: setup() needs more memory than the limit of 1.0 GiB"),
        (ContractError("exports no PLUGIN"), "plugin shop exports no PLUGIN"),
        (
            ModuleNotFoundError("No module named 'x'", name="x.y"),
            "plugin shop needs the module x.y, which is not installed",
        ),
        (
            ImportError("cannot import name 'a' from 'b' (/secret/place/b.py)"),
            "plugin shop: setup() raised ImportError: cannot import name 'a' from 'b'",
        ),
    ],
)
def test_what_the_user_reads(error: BaseException, message: str) -> None:
    found = told(error)
    assert isinstance(found, PluginError)
    assert message in found.message


def test_a_long_text_is_cut() -> None:
    assert len(told(ValueError("x" * 100_000)).message) < 3000


def test_a_lost_server_is_no_fault_of_the_plugin() -> None:
    error = told(ConnectError("cannot connect to the server: refused"))
    assert isinstance(error, ConnectError)
    assert str(error) == "cannot connect to the server: refused"


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (Kind.FILE, 'declare the package that has it, such as "numpy", in the dependencies'),
        (Kind.DISTRIBUTION, "uv pip install numpy"),
    ],
)
def test_a_missing_module_is_had_by_declaring_or_installing_it(kind: Kind, hint: str) -> None:
    record = replace(RECORD, kind=kind)
    assert hint in (told(ModuleNotFoundError(name="numpy.linalg"), "load", record).hint or "")


@pytest.mark.parametrize(
    ("status", "exiting", "message"),
    [
        (0, None, "setup() ended its process with exit status 0"),
        (3, {"file": "/plugins/shop.py", "line": 4, "function": "fill", "text": ""}, "by os._exit"),
        (-signal.SIGSEGV, None, "setup() crashed its process: segmentation fault (SIGSEGV)"),
        (-signal.SIGABRT, None, "setup() crashed its process: aborted (SIGABRT)"),
        (-signal.SIGKILL, None, "the process was killed during setup()"),
    ],
)
def test_how_a_process_ended(status: int, exiting: Any, message: str) -> None:
    error = error_of_end(RECORD, "setup", ChildLost(status, CRASH, ""), exiting)
    assert message in error.message
    assert error.where == "/plugins/shop.py:4 (fill)"


def test_time_is_told_with_the_key_that_limits_it() -> None:
    assert time_error(RECORD, "verify", 10**9, None).hint == (
        "raise plugins.limits.verify_timeout if it needs longer"
    )
    assert "plugins.limits.setup_timeout" in str(time_error(RECORD, "cleanup", 10**9, None).hint)
    assert "plugins.limits.load_timeout" in str(time_error(RECORD, "load", 10**9, None).hint)

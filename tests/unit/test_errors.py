from __future__ import annotations

import pytest

from stormdb import errors
from stormdb.errors import ConfigError, ExitCode, StormdbError


def test_a_message_stands_alone_without_place_and_hint() -> None:
    assert str(StormdbError("the disk is full")) == "the disk is full"


def test_place_comes_first_and_hint_last() -> None:
    error = ConfigError("'fast' is not a rate", where="a.yaml:7: load.rate", hint="write 500/s")
    assert str(error) == "a.yaml:7: load.rate: 'fast' is not a rate; hint: write 500/s"
    assert (error.message, error.where, error.hint) == (
        "'fast' is not a rate",
        "a.yaml:7: load.rate",
        "write 500/s",
    )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ConfigError", 1),
        ("StoreError", 1),
        ("ConnectError", 2),
        ("WorkloadError", 3),
        ("PluginError", 3),
        ("ProgramError", 3),
        ("RunError", 5),
    ],
)
def test_each_error_has_the_documented_exit_code(name: str, code: int) -> None:
    error = getattr(errors, name)
    assert issubclass(error, StormdbError)
    assert error.exit_code == code


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "MET": 0,
        "USAGE": 1,
        "CONNECT": 2,
        "WORKLOAD": 3,
        "THRESHOLD_MISSED": 4,
        "UNTRUSTED": 5,
        "INTERRUPTED": 130,
    }

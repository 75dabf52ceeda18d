"""From exceptions to messages and exit codes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from stormdb import logs
from stormdb.cli.outcome import exit_code_of
from stormdb.errors import (
    ConfigError,
    ConnectError,
    InterruptedRunError,
    PluginError,
    RunError,
    StormdbError,
)


class Command:
    """A command that does one thing."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def main(self, *_: object, **__: object) -> Any:
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (4, 4)])
def test_a_command_that_returns_gives_its_code(result: int | None, code: int) -> None:
    assert exit_code_of(Command(result)) == code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, 1),
        (ConnectError, 2),
        (PluginError, 3),
        (RunError, 5),
        (InterruptedRunError, 130),
    ],
)
def test_an_error_is_one_message_and_its_code(
    capsys: pytest.CaptureFixture[str], kind: type[StormdbError], code: int
) -> None:
    error = kind("it broke", where="stormdb.yaml:3", hint="mend it")
    assert exit_code_of(Command(error)) == code
    assert capsys.readouterr().err == "stormdb: stormdb.yaml:3: it broke; hint: mend it\n"


def test_an_abort_is_an_interruption() -> None:
    assert exit_code_of(Command(typer.Abort())) == 130


def test_a_bug_is_named_as_one_and_its_traceback_is_kept_without_secrets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    logs.hide("open-sesame")
    assert exit_code_of(Command(KeyError("open-sesame"))) == 5
    message = capsys.readouterr().err
    assert re.fullmatch(
        r"stormdb: this is a bug in stormdb: KeyError: '\*\*\*'; hint: please report it together "
        r"with the traceback in \S+\n",
        message,
    )
    kept = Path(message.split()[-1]).read_text()
    assert "Traceback (most recent call last)" in kept
    assert "open-sesame" not in kept


def test_a_bug_without_a_place_for_its_traceback_shows_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert exit_code_of(Command(KeyError("x"))) == 5
    assert "Traceback (most recent call last)" in capsys.readouterr().err

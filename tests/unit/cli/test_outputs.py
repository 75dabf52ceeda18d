"""Which view a run gets, and the command that is printed for doing it again."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from stormdb.analysis import summarise_run
from stormdb.cli.flags import OutputFlags
from stormdb.cli.outputs import open_view, write_outputs
from stormdb.config import load
from stormdb.report import LiveView, PlainView
from stormdb.results import RunResult
from stormdb.run import LogRecord
from tests.support.measured import MS_NS, Outcome, closed_run

CONFIG = load(None, workload="bank", environ={})


@pytest.fixture
def result() -> RunResult:
    return closed_run([("steady", "steady", 12.0)], lambda *_: Outcome(service_ns=20 * MS_NS))


def test_without_a_terminal_there_are_lines() -> None:
    with open_view(OutputFlags(), CONFIG) as view:
        assert isinstance(view, PlainView)


@pytest.mark.parametrize(("term", "kind"), [("xterm", LiveView), ("dumb", PlainView)])
def test_a_terminal_gets_a_picture_if_it_can_show_one(
    monkeypatch: pytest.MonkeyPatch, term: str, kind: type
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with open_view(OutputFlags(), CONFIG) as view:
        assert isinstance(view, kind)


def test_quiet_shows_nothing_but_logs(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with open_view(OutputFlags(quiet=True), CONFIG) as view, caplog.at_level(logging.INFO):
        view.warning("nobody reads this")
        view.log(LogRecord(plugin="bank", level="info", message="hello"))
    assert "nobody reads this" not in capsys.readouterr().err
    assert [record.getMessage() for record in caplog.records] == ["hello"]


def test_no_color_is_what_the_variable_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    with open_view(OutputFlags(no_color=True), CONFIG):
        import os

        assert os.environ["NO_COLOR"]


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (["run", "bank"], "stormdb run bank --seed 7"),
        (["run", "bank", "--seed", "3"], "stormdb run bank --seed 3"),
        (["run", "bank", "--seed=3"], "stormdb run bank --seed=3"),
        (["-c", "my file.yaml"], "stormdb -c 'my file.yaml' --seed 7"),
        (
            ["run", "bank", "--set", "database.password=tiger"],
            "stormdb run bank --set 'database.password=***' --seed 7",
        ),
    ],
)
def test_the_report_says_how_to_do_it_again_without_a_secret(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    result: RunResult,
    words: list[str],
    again: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/stormdb", *words])
    assert write_outputs(OutputFlags(), summarise_run([result]), seed=result.seed)
    out = capsys.readouterr().out
    assert again.replace("'", "") in " ".join(out.split()).replace("'", "")
    assert "tiger" not in out


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_there(
    capsys: pytest.CaptureFixture[str], result: RunResult, tmp_path: Path
) -> None:
    output = OutputFlags(json=tmp_path / "missing" / "a.json", csv=tmp_path / "a.csv", quiet=True)
    assert not write_outputs(output, summarise_run([result]), seed=result.seed)
    captured = capsys.readouterr()
    assert "a.json: the file cannot be written" in captured.err
    assert (tmp_path / "a.csv").exists()


def test_json_on_standard_output_moves_the_report(
    capfdbinary: pytest.CaptureFixture[bytes], result: RunResult
) -> None:
    assert write_outputs(OutputFlags(json=Path("-")), summarise_run([result]), seed=result.seed)
    captured = capfdbinary.readouterr()
    assert json.loads(captured.out)["run"]["workload"] == "bank"
    assert "bank · completed" in captured.err.decode()

"""The live view on a terminal that only remembers what it was sent."""

from __future__ import annotations

import io
import logging
import re

import pytest

from stormdb import logs
from stormdb.report import LiveView
from stormdb.run.events import LogRecord, Stage
from tests.unit.report import results

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CLEAR_SCREEN = "\x1b[2J"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def plain(self) -> str:
        """What was sent without control sequences."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue()).replace("\r", "")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def refresh(view: LiveView) -> None:
    """Draw now, instead of waiting for the thread that draws."""
    assert view._live is not None
    view._live.refresh()


def test_a_run_shows_its_load_and_leaves_a_line_per_stage(terminal: Terminal) -> None:
    result = results.stalled()
    with LiveView(terminal) as view:
        view.stage_started(Stage.SETUP, "scale 10")
        view.progress(2_000, 10_000, "rows of account")
        refresh(view)
        view.stage_ended(Stage.SETUP, 3_200_000_000)
        view.stage_started(Stage.LOAD, "bank")
        view.load_started(results.load_of(result))
        for snapshot in result.intervals[:10]:
            view.interval(result.workload, snapshot)
        refresh(view)
        view.stage_ended(Stage.LOAD, 40 * 10**9)
        view.stage_started(Stage.DRAIN)
        view.stage_ended(Stage.DRAIN, 10**9)
    text = terminal.plain()
    assert "2,000 of 10,000" in text
    assert "rows of account" in text
    assert "✓ setup: scale 10  3.20 s\n" in text
    assert "open loop, poisson 300/s" in text
    assert "workers busy" in text


def test_the_cursor_comes_back_however_the_run_ends(terminal: Terminal) -> None:
    view = LiveView(terminal)

    def run() -> None:
        with view:
            view.stage_started(Stage.LOAD)
            view.load_started(results.load_of(results.simple()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    sent = terminal.getvalue()
    assert sent.rindex(SHOW_CURSOR) > sent.rindex(HIDE_CURSOR)
    view.close()


def test_between_two_stages_the_terminal_is_as_usual(terminal: Terminal) -> None:
    # A question may be asked there.
    with LiveView(terminal) as view:
        view.stage_started(Stage.CHECK)
        view.stage_ended(Stage.CHECK, 10**6)
        sent = terminal.getvalue()
        assert sent.rindex(SHOW_CURSOR) > sent.rindex(HIDE_CURSOR)
        assert view._live is None


def test_the_picture_stays_from_load_to_drain(terminal: Terminal) -> None:
    with LiveView(terminal) as view:
        view.stage_started(Stage.LOAD)
        view.load_started(results.load_of(results.simple()))
        view.stage_ended(Stage.LOAD, 10**9)
        view.stage_started(Stage.DRAIN)
        assert terminal.getvalue().count(HIDE_CURSOR) == 1


def test_another_size_starts_with_an_empty_screen(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LiveView(terminal) as view:
        view.stage_started(Stage.LOAD)
        view.load_started(results.load_of(results.simple()))
        refresh(view)
        assert CLEAR_SCREEN not in terminal.getvalue()
        view._console.width = 60
        refresh(view)
        assert terminal.getvalue().count(CLEAR_SCREEN) == 1
        refresh(view)
        assert terminal.getvalue().count(CLEAR_SCREEN) == 1


def test_logs_and_warnings_go_above_the_picture(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    monkeypatch.setattr("sys.stderr", terminal)
    try:
        logs.configure(level="info")
        with LiveView() as view:
            view.stage_started(Stage.LOAD)
            view.load_started(results.load_of(results.simple()))
            view.log(LogRecord(plugin="bank", level="info", message="password=hunter2"))
            view.warning("connection 3 was lost")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    text = terminal.plain()
    assert "INFO    stormdb.plugin.bank: password=***\n" in text
    assert "warning: connection 3 was lost\n" in text


def test_progress_without_a_total_and_outside_of_a_stage_is_no_error(terminal: Terminal) -> None:
    with LiveView(terminal) as view:
        view.progress(1, 2, "rows")
        view.stage_started(Stage.VERIFY)
        view.progress(3, None, "[bold]balances[/x]")
        refresh(view)
        view.stage_ended(Stage.VERIFY, 10**6)
    assert "[bold]balances[/x]" in terminal.plain()

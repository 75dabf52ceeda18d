"""What the parts of a run pass on to its watcher."""

from __future__ import annotations

import pytest

from stormdb.plugins import PluginLog
from stormdb.run import LogRecord, Silent, Stage
from stormdb.run.stages import Stages


class Watcher(Silent):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def stage_started(self, stage: Stage, detail: str = "") -> None:
        self.heard.append(("started", stage, detail))

    def stage_ended(self, stage: Stage, duration_ns: int) -> None:
        self.heard.append(("ended", stage, duration_ns > 0))

    def warning(self, sentence: str) -> None:
        self.heard.append(sentence)

    def log(self, record: LogRecord) -> None:
        self.heard.append(record)


def test_a_stage_that_goes_well_has_an_end() -> None:
    watcher = Watcher()
    with Stages(watcher).stage(Stage.SETUP, "bank"):
        pass
    assert watcher.heard == [("started", Stage.SETUP, "bank"), ("ended", Stage.SETUP, True)]


def test_a_stage_that_fails_has_none() -> None:
    watcher = Watcher()
    with pytest.raises(ValueError, match="broken"), Stages(watcher).stage(Stage.SETUP):
        raise ValueError("broken")
    assert watcher.heard == [("started", Stage.SETUP, "")]


def test_warnings_are_told_at_once_and_kept_for_the_report() -> None:
    watcher = Watcher()
    stages = Stages(watcher)
    stages.warn("old data")
    stages.warn("slow disk")
    assert watcher.heard == stages.warnings == ["old data", "slow disk"]


def test_lines_of_the_host_carry_the_plugin() -> None:
    watcher = Watcher()
    Stages(watcher).host_log(
        PluginLog(plugin="bank", level="info", logger="stdout", message="hello")
    )
    assert watcher.heard == [
        LogRecord(plugin="bank", level="info", message="hello", logger="stdout", process="host")
    ]

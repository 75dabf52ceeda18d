"""Passes on to `RunEvents` what is going on, and keeps the warnings for the result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stormdb.run.events import LogRecord

if TYPE_CHECKING:
    from stormdb.plugins import PluginLog
    from stormdb.run.events import RunEvents, Stage

__all__ = ["Stages"]


class Stages:
    """What the parts of a run tell their watcher.

    Args:
        events: the watcher.
        workload: whom warnings are about, where there are several; "" for the whole run.

    Attributes:
        warnings: every warning so far.
    """

    def __init__(self, events: RunEvents, workload: str = "") -> None:
        self.events = events
        self._workload = workload
        self.warnings: list[str] = []

    @contextmanager
    def stage(self, stage: Stage, detail: str = "") -> Iterator[None]:
        """Tell when a stage begins, and when it has ended well."""
        start_ns = time.monotonic_ns()
        self.events.stage_started(stage, detail or self._workload)
        yield
        self.events.stage_ended(stage, time.monotonic_ns() - start_ns)

    def warn(self, sentence: str) -> None:
        """Tell a warning and keep it for the report."""
        self.warnings.append(sentence)
        self.events.warning(f"{self._workload}: {sentence}" if self._workload else sentence)

    def host_log(self, log: PluginLog) -> None:
        """Pass on a line of the plugin's host process."""
        self.events.log(
            LogRecord(plugin=log.plugin, level=log.level, message=log.message, logger=log.logger)
        )

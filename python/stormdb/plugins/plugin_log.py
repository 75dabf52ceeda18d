"""What plugin code logs and prints, as the controller hands it on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LINES_PER_S", "LogSieve", "PluginLog"]

LINES_PER_S = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLog:
    """One line that plugin code logged or printed.

    Attributes:
        plugin: name of the plugin; of its file or folder as long as its metadata are unknown.
        level: `debug`, `info`, `warning`, `error` or `critical`.
        logger: name of the logger, `stdout` or `stderr`.
        message: the text.
        extra: the record's own fields.
    """

    plugin: str
    level: str
    logger: str
    message: str
    extra: dict[str, Any] = field(default_factory=dict)


class LogSieve:
    """Hands on at most `LINES_PER_S` lines a second, and says how many it left out.

    A plugin that prints in a loop must not keep the controller from measuring.

    Args:
        hand_on: gets the lines.
        clock_ns: the monotonic clock.
    """

    def __init__(
        self,
        hand_on: Callable[[PluginLog], None],
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._hand_on = hand_on
        self._clock_ns = clock_ns
        self._second = 0
        self._count = 0

    def add(self, line: PluginLog) -> None:
        """Hand a line on, or count it."""
        self.tick(line.plugin)
        self._count += 1
        if self._count <= LINES_PER_S:
            self._hand_on(line)

    def tick(self, plugin: str) -> None:
        """Say what was left out, once its second is over."""
        second = self._clock_ns() // 10**9
        if second != self._second:
            self.flush(plugin)
            self._second = second

    def flush(self, plugin: str) -> None:
        """Say what was left out so far; comes last, once there is nobody to print any more."""
        left_out, self._count = self._count - LINES_PER_S, 0
        if left_out > 0:
            self._hand_on(
                PluginLog(
                    plugin=plugin,
                    level="warning",
                    logger=__name__,
                    message=f"{left_out} lines were left out: more than {LINES_PER_S} a second",
                )
            )

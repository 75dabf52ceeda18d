"""Sends log records of plugin code to the controller."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

from stormdb.plugins import wire

__all__ = ["LogForwarder"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TEXT_CHARS = 16_384


def _plain(value: object) -> Any:
    return value if isinstance(value, bool | int | float | None) else str(value)[:_TEXT_CHARS]


class LogForwarder(logging.Handler):
    """The root logger's only handler in a child process."""

    def __init__(self, channel: wire.Channel) -> None:
        super().__init__()
        self._channel = channel

    def install(self, level: int) -> None:
        """Take over the root logger."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(level)
        # asyncio's debug line about its selector says nothing about a plugin.
        logging.getLogger("asyncio").setLevel(max(level, logging.INFO))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a process that plugin code forked writes to stderr instead."""
        message = record.getMessage()[:_TEXT_CHARS]
        if not self._channel.is_mine:
            sys.stderr.write(f"{record.name}: {message}\n")
            return
        extra = {key: _plain(value) for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info and record.exc_info[1]:
            text = "".join(traceback.format_exception(record.exc_info[1]))
            extra["exception"] = text[-_TEXT_CHARS:]
        level = record.levelname.lower()
        self._channel.send(
            {"log": {"level": level, "logger": record.name, "message": message, "extra": extra}}
        )

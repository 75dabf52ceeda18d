"""Where log records go and how they look.

Everything goes through the standard library's `logging`, so that plugins and libraries need nothing
of ours. A record's fields are given as `extra={...}`; its message stays a sentence.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from stormdb.errors import ConfigError, StoreError
from stormdb.logs.redaction import Redactor
from stormdb.units import format_duration

if TYPE_CHECKING:
    from asyncpg.connection import LoggedQuery

__all__ = ["LogFormat", "configure", "hide", "redact", "sql_tracer"]

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = ("debug", "info", "warning", "error", "critical")
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31;1m"}
_ARGUMENT_LENGTH = 60
_redactor = Redactor()


class LogFormat(StrEnum):
    """How a record is written."""

    TEXT = "text"
    JSON = "json"


def hide(*secrets: str) -> None:
    """Keep these values out of every record from now on."""
    _redactor.hide(*secrets)


def redact(text: str) -> str:
    """The text without the run's secrets and without what looks like one."""
    return _redactor(text)


def configure(
    *,
    level: str = "warning",
    log_format: LogFormat | str = LogFormat.TEXT,
    file: Path | str | None = None,
    verbose: int = 0,
    secrets: Iterable[str] = (),
) -> None:
    """Send the records of this process to standard error, or to a file instead.

    Standard error is looked up at each record: while a live view has replaced it, records appear
    above the view and do not tear it.

    Args:
        level: least severe level that is written: debug, info, warning, error or critical.
        log_format: `text` for people, `json` for one object a line.
        file: append to this file instead of standard error.
        verbose: 1 writes info too, 2 and more debug too; never raises the level.
        secrets: values that must not appear.

    Raises:
        ConfigError: the level or the format is not one of those named above.
        StoreError: the file cannot be opened.
    """
    hide(*secrets)
    if level.lower() not in _LEVELS:
        raise ConfigError(f"{level!r} is not a log level", hint=f"use one of {', '.join(_LEVELS)}")
    if log_format not in set(LogFormat):
        raise ConfigError(f"{log_format!r} is not a log format", hint="use text or json")
    number = logging.getLevelNamesMapping()[level.upper()]
    wanted = min(number, {0: number, 1: logging.INFO}.get(verbose, logging.DEBUG))
    handler: logging.Handler
    if file is None:
        handler = _StandardError()
    else:
        try:
            handler = _LogFile(file, encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"the log file cannot be opened: {error.strerror}",
                where=str(file),
                hint="name a file in a folder that exists and may be written to",
            ) from error
    is_json = log_format == LogFormat.JSON
    handler.setFormatter(_JsonFormatter() if is_json else _TextFormatter(to_file=file is not None))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(wanted)
    # asyncio's debug line about its selector says nothing about a run.
    logging.getLogger("asyncio").setLevel(max(wanted, logging.INFO))


def sql_tracer(logger: str = "stormdb.sql") -> Callable[[LoggedQuery], None] | None:
    """A listener for `asyncpg.Connection.add_query_logger` that writes each statement at debug.

    Returns:
        None when debug records are not wanted: then nothing needs to be attached.
    """
    log = logging.getLogger(logger)
    if not log.isEnabledFor(logging.DEBUG):
        return None

    def trace(record: LoggedQuery) -> None:
        fields: dict[str, object] = {}
        if record.args:
            fields["arguments"] = ", ".join(_shortened(value) for value in record.args)
        if record.exception is not None:
            fields["error"] = str(record.exception)
        query = " ".join(record.query.split())
        log.debug("%s -- %s", query, format_duration(record.elapsed * 1e9), extra=fields)

    return trace


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _ARGUMENT_LENGTH else text[: _ARGUMENT_LENGTH - 1] + "…"


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at the time of the record."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _LogFile(logging.FileHandler):
    """Appends to a file. A run goes on when that fails, as on a full disk, and hears of it once."""

    _is_told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._is_told:
            self._is_told = True
            with suppress(OSError):
                print(  # noqa: T201 - the log itself is what fails
                    f"warning: {self.baseFilename}: log records are lost: {error.strerror}",
                    file=sys.stderr,
                )


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """What was given as `extra`, without secrets."""
    return {
        key: _redactor.value(key, value)
        for key, value in vars(record).items()
        if key not in _STANDARD_FIELDS
    }


def _local_time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC).astimezone()


class _TextFormatter(logging.Formatter):
    """`10:20:30 WARNING stormdb.run: a sentence  key=value`."""

    def __init__(self, *, to_file: bool) -> None:
        super().__init__()
        self._to_file = to_file

    def format(self, record: logging.LogRecord) -> str:
        when = _local_time(record)
        # A file is read days later and elsewhere; a screen is read now.
        stamp = when.isoformat(timespec="milliseconds") if self._to_file else f"{when:%H:%M:%S}"
        fields = "".join(f"  {key}={value}" for key, value in _fields(record).items())
        text = f"{record.name}: {_redactor(record.getMessage())}{fields}"
        if record.exc_info:
            text += "\n" + _redactor(self.formatException(record.exc_info))
        level = f"{record.levelname:<7}"
        colour = _COLOURS.get(record.levelname)
        if colour and not self._to_file and sys.stderr.isatty():
            level = f"{colour}{level}\x1b[0m"
        return f"{stamp} {level} {text}"


class _JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, message, exception, fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC)
        entry: dict[str, Any] = {
            "time": when.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _redactor(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = _redactor(self.formatException(record.exc_info))
        # A field never hides one of ours.
        entry.update({key: value for key, value in _fields(record).items() if key not in entry})
        return json.dumps(entry, ensure_ascii=False)

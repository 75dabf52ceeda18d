"""What an exception of `run` is counted as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath

import asyncpg

from stormdb.logs import redact
from stormdb.plugins import places

__all__ = ["PLUGIN_EXCEPTION", "UNSTATED", "is_retryable", "message_of", "sqlstate_of"]

PLUGIN_EXCEPTION = "PYEXC"
"""An exception of plugin code that has no error of the server or the connection as its cause."""
UNSTATED = "PYREC"
"""`record_error()` without a cause, outside of an `except` block."""
_CLIENT_TIMEOUT = "PYTMO"
"""A time limit in the client, such as `timeout=` of a call of asyncpg."""
_NO_CONNECTION = "08003"
_CONNECTION_FAILURE = "08006"

_RETRYABLE = ("40001", "40P01")
_LONGEST_CHAIN = 16


def sqlstate_of(error: BaseException) -> str:
    """Code that a failure is counted under.

    The first PostgreSQL error among the exception and its causes decides, so `raise X from error`
    keeps its SQLSTATE. A connection that breaks without a word from the server is of class 08, as
    the standard says; codes that begin with PY are stormdb's own.

    Returns:
        Five letters or digits.
    """
    chain = list(_chain(error))
    for cause in chain:
        code = getattr(cause, "sqlstate", None)
        if isinstance(cause, asyncpg.PostgresError) and isinstance(code, str) and len(code) == 5:
            return code
    for cause in chain:
        if isinstance(cause, TimeoutError):
            return _CLIENT_TIMEOUT
        # The second is what asyncpg raises between the server's farewell and the end of the stream.
        if isinstance(cause, ConnectionError | asyncpg.InternalClientError):
            return _CONNECTION_FAILURE
        # asyncpg has no class of its own for the use of a connection that was lost before.
        if isinstance(cause, asyncpg.InterfaceError) and "closed" in str(cause):
            return _NO_CONNECTION
    return PLUGIN_EXCEPTION


def is_retryable(sqlstate: str) -> bool:
    """Whether the same transaction may well succeed when it is tried again."""
    return sqlstate in _RETRYABLE


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it was raised from, or while handling; nearest first."""
    cause: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def message_of(error: BaseException, roots: Sequence[str]) -> str:
    """One line about a failure: what the server said, or for plugin code its type and place.

    It is kept with the measurements, so secrets are taken out here.

    Args:
        error: the failure.
        roots: the plugin's files and folders.
    """
    lines = str(error).splitlines()
    text = redact(lines[0]) if lines else ""
    if isinstance(error, asyncpg.PostgresError):
        return text
    shown = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, asyncpg.InternalClientError):
        shown = "the connection was lost"  # its text is about asyncpg's own states
    place = places.of_traceback(error.__traceback__, roots)
    return f"{shown} ({PurePath(place['file']).name}:{place['line']})" if place else shown

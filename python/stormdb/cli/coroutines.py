"""Runs a command's coroutine so that Ctrl-C cancels it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run_coroutine"]

_T = TypeVar("_T")


def run_coroutine(work: Coroutine[Any, Any, _T]) -> _T:
    """`asyncio.run`, which heeds Ctrl-C only where Python's own handler is in place."""
    import asyncio
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return asyncio.run(work)

"""Puts load on a server: native threads, or worker processes that call `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stormdb.executor.coroutine import CoroutineExecutor
    from stormdb.executor.interface import Executor, ExecutorEnd
    from stormdb.executor.native import NativeExecutor
    from stormdb.executor.process import ExecutorEvents
    from stormdb.executor.spec import LoadSpec

__all__ = [
    "CoroutineExecutor",
    "Executor",
    "ExecutorEnd",
    "ExecutorEvents",
    "LoadSpec",
    "NativeExecutor",
]

_MODULES = {
    "CoroutineExecutor": "coroutine",
    "Executor": "interface",
    "ExecutorEnd": "interface",
    "ExecutorEvents": "process",
    "LoadSpec": "spec",
    "NativeExecutor": "native",
}


def __getattr__(name: str) -> Any:
    # A worker process needs none of what drives it.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

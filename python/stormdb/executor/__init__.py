"""Puts load on a server: native threads, or worker processes that call `run`."""

from stormdb.executor.coroutine import CoroutineExecutor, ExecutorEvents
from stormdb.executor.interface import Executor, ExecutorEnd
from stormdb.executor.native import NativeExecutor
from stormdb.executor.spec import LoadSpec

__all__ = [
    "CoroutineExecutor",
    "Executor",
    "ExecutorEnd",
    "ExecutorEvents",
    "LoadSpec",
    "NativeExecutor",
]

"""Drives a workload's `run` in worker processes and delivers what they measured."""

from stormdb.executor.coroutine import CoroutineExecutor, ExecutorEnd, ExecutorEvents
from stormdb.executor.spec import LoadSpec

__all__ = ["CoroutineExecutor", "ExecutorEnd", "ExecutorEvents", "LoadSpec"]

"""What a run measured, before any arithmetic."""

from stormdb.results.result import (
    ExecutorInfo,
    Finding,
    PhaseInfo,
    PluginInfo,
    RunResult,
    ServerInfo,
    Status,
)
from stormdb.results.series import IntervalSeries

__all__ = [
    "ExecutorInfo",
    "Finding",
    "IntervalSeries",
    "PhaseInfo",
    "PluginInfo",
    "RunResult",
    "ServerInfo",
    "Status",
]

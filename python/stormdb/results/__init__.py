"""What a run measured, before any arithmetic."""

from stormdb.results.calibration import Calibration, Ceiling, Transport
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
    "Calibration",
    "Ceiling",
    "ExecutorInfo",
    "Finding",
    "IntervalSeries",
    "PhaseInfo",
    "PluginInfo",
    "RunResult",
    "ServerInfo",
    "Status",
    "Transport",
]

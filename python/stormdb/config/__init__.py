"""Configuration: YAML, environment and flags to a `RunConfig`; connection targets."""

from stormdb.config.connection import ConnectTarget, resolve_target
from stormdb.config.course import LoadSettings, PhaseSettings
from stormdb.config.load import load
from stormdb.config.models import (
    DatabaseSettings,
    PluginLimits,
    PluginsSettings,
    RetrySettings,
)
from stormdb.config.problems import ConfigProblemsError, Problem
from stormdb.config.run_config import RunConfig
from stormdb.config.thresholds import Threshold

__all__ = [
    "ConfigProblemsError",
    "ConnectTarget",
    "DatabaseSettings",
    "LoadSettings",
    "PhaseSettings",
    "PluginLimits",
    "PluginsSettings",
    "Problem",
    "RetrySettings",
    "RunConfig",
    "Threshold",
    "load",
    "resolve_target",
]

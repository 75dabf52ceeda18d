"""Configuration: YAML, environment and flags to a `RunConfig`; connection targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stormdb.config.connection import resolve_plugin_target, resolve_target
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
    from stormdb.config.target import ConnectTarget
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
    "resolve_plugin_target",
    "resolve_target",
]

_MODULES = {
    "ConfigProblemsError": "problems",
    "ConnectTarget": "target",
    "DatabaseSettings": "models",
    "LoadSettings": "course",
    "PhaseSettings": "course",
    "PluginLimits": "models",
    "PluginsSettings": "models",
    "Problem": "problems",
    "RetrySettings": "models",
    "RunConfig": "run_config",
    "Threshold": "thresholds",
    "load": "load",
    "resolve_plugin_target": "connection",
    "resolve_target": "connection",
}


def __getattr__(name: str) -> Any:
    # The models take a second to build, and the processes of plugins need none of them.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found  # over the module `load`, which the import has put there
    return found

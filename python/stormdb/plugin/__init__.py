"""The public contract of a workload plugin: everything that a plugin imports from stormdb.

A plugin is a Python module or package that exports `PLUGIN`, an instance of a `WorkloadPlugin`.
docs/plugin-development-guide.md leads through it.
"""

from stormdb.plugin.config import Config
from stormdb.plugin.context import Context
from stormdb.plugin.metadata import API_VERSION, MetadataError, PluginMetadata
from stormdb.plugin.metrics import Metrics
from stormdb.plugin.workload import Finding, Workload, WorkloadPlugin

__all__ = [
    "API_VERSION",
    "Config",
    "Context",
    "Finding",
    "MetadataError",
    "Metrics",
    "PluginMetadata",
    "Workload",
    "WorkloadPlugin",
]

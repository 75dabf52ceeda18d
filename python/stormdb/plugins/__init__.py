"""Finds plugins, checks them, and runs their code in processes of its own."""

from stormdb.plugins.catalog import Catalog
from stormdb.plugins.host import ConfigProblem, Host, Limits, PluginLog
from stormdb.plugins.manifest import server_problems
from stormdb.plugins.record import EntryPoint, Kind, PluginRecord

__all__ = [
    "Catalog",
    "ConfigProblem",
    "EntryPoint",
    "Host",
    "Kind",
    "Limits",
    "PluginLog",
    "PluginRecord",
    "server_problems",
]

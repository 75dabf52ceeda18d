"""Finds plugins, checks them, and runs their code in processes of its own."""

from stormdb.plugins.access import Access
from stormdb.plugins.catalog import Catalog
from stormdb.plugins.host import CompiledProgram, Host
from stormdb.plugins.manifest import server_problems
from stormdb.plugins.plugin_log import PluginLog
from stormdb.plugins.record import EntryPoint, Kind, PluginRecord
from stormdb.plugins.settings import DefaultSettings, Limits, Settings

__all__ = [
    "Access",
    "Catalog",
    "CompiledProgram",
    "DefaultSettings",
    "EntryPoint",
    "Host",
    "Kind",
    "Limits",
    "PluginLog",
    "PluginRecord",
    "Settings",
    "server_problems",
]

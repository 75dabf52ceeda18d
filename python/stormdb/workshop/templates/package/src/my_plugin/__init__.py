"""The workload plugin my_plugin."""

from my_plugin.plugin import PLUGIN

__all__ = ["PLUGIN"]

"""Reads and writes of one table: a workload plugin as a package."""

from my_workload.plugin import PLUGIN

__all__ = ["PLUGIN"]

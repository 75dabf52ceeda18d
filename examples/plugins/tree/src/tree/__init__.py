"""Hierarchical data by recursive queries: a workload plugin."""

from tree.plugin import PLUGIN

__all__ = ["PLUGIN"]

"""Events partitioned by range, with retention: a workload plugin."""

from events.plugin import PLUGIN

__all__ = ["PLUGIN"]

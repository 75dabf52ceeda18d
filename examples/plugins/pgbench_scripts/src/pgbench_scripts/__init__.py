"""Scripts of pgbench as a workload plugin."""

from pgbench_scripts.plugin import PLUGIN

__all__ = ["PLUGIN"]

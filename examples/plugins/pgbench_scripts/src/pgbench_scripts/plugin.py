"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from pgbench_scripts.workload import Scripts
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class ScriptsPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="pgbench_scripts",
            version="1.0.0",
            description="Scripts of pgbench, with data and a check of their own",
            workload_types=("pgbench_scripts",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "pgbench_scripts":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return Scripts()


PLUGIN = ScriptsPlugin()

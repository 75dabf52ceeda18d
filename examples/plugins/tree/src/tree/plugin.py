"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin
from tree.workload import Tree


class TreePlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="tree",
            version="1.0.0",
            description="Hierarchical data by recursive queries",
            workload_types=("tree",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "tree":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return Tree()


PLUGIN = TreePlugin()

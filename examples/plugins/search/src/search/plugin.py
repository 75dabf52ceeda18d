"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from search.workload import Search
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class SearchPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="search",
            version="1.0.0",
            description="Full-text search: a generated tsvector, GIN, ranking",
            workload_types=("search",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "search":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return Search()


PLUGIN = SearchPlugin()

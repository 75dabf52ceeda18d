"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from documents.workload import Documents
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class DocumentsPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="documents",
            version="1.0.0",
            description="Orders as JSON documents: GIN indexes, path queries, partial updates",
            workload_types=("documents",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "documents":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return Documents()


PLUGIN = DocumentsPlugin()

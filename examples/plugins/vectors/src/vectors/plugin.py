"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin
from vectors.workload import Vectors


class VectorsPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="vectors",
            version="1.0.0",
            description="Embeddings compared by the client, with numpy",
            workload_types=("vectors",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "vectors":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return Vectors()


PLUGIN = VectorsPlugin()

"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin

from my_plugin.workload import MyPlugin


class MyPluginPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="my_plugin",
            version="0.1.0",
            description="Reads and updates of one table",
            workload_types=("my_plugin",),
            min_postgresql_version="13.0",
            api_version="1.0",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "my_plugin":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return MyPlugin()


PLUGIN = MyPluginPlugin()

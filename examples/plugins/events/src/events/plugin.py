"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from events.workload import Events
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class EventsPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="events",
            version="1.0.0",
            description="Events partitioned by range, with retention",
            workload_types=("events",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "events":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return Events()


PLUGIN = EventsPlugin()

"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from outbox.listening import Listening
from outbox.polling import Polling
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class OutboxPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="outbox",
            version="1.0.0",
            description="A transactional outbox with LISTEN and NOTIFY",
            workload_types=("outbox", "outbox_polling"),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        match workload_type:
            case "outbox":
                return Listening()
            case "outbox_polling":
                return Polling()
        raise ValueError(f"{workload_type!r} is not a type of this plugin")


PLUGIN = OutboxPlugin()

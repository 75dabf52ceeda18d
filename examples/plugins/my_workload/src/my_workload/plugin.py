"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

import logging

from my_workload.workload import MyWorkload
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin

log = logging.getLogger(__name__)


class MyWorkloadPlugin(WorkloadPlugin):
    """Entry point: says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="my_custom_workload",
            version="1.0.0",
            description="Reads and writes of one table",
            author="Your Name <your.email@example.com>",
            workload_types=("my_workload", "my_workload_read", "my_workload_write"),
            required_extensions=(),
            min_postgresql_version="13.0",
            homepage="https://example.com/my-stormdb-plugin",
        )

    def create_workload(self, workload_type: str) -> Workload:
        match workload_type:
            case "my_workload":
                return MyWorkload("")  # the configuration's `mode` decides
            case "my_workload_read":
                return MyWorkload("read")
            case "my_workload_write":
                return MyWorkload("write")
        raise ValueError(f"{workload_type!r} is not a type of this plugin")

    def initialize(self) -> None:
        log.debug("initialised")

    def cleanup(self) -> None:
        log.debug("cleaned up")


PLUGIN = MyWorkloadPlugin()

"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from job_queue.workload import JobQueue
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class JobQueuePlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="job_queue",
            version="1.0.0",
            description="A job queue in a table, with SKIP LOCKED",
            workload_types=("job_queue",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "job_queue":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return JobQueue()


PLUGIN = JobQueuePlugin()

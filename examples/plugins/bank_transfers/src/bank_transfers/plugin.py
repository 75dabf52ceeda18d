"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from bank_transfers.workload import ReadCommitted, RepeatableRead, Serializable, Transfers
from stormdb.plugin import PluginMetadata, WorkloadPlugin

TYPES: dict[str, type[Transfers]] = {
    "bank_read_committed": ReadCommitted,
    "bank_repeatable_read": RepeatableRead,
    "bank_serializable": Serializable,
}


class BankTransfersPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="bank_transfers",
            version="1.0.0",
            description="Transfers between accounts under each isolation level",
            workload_types=tuple(TYPES),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Transfers:
        if workload_type not in TYPES:
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return TYPES[workload_type]()


PLUGIN = BankTransfersPlugin()

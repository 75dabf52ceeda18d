"""The entry point: metadata, and which type makes which workload."""

from __future__ import annotations

from shop_tenants.workload import ShopTenants
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class ShopTenantsPlugin(WorkloadPlugin):
    """Says what there is, and makes it."""

    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(
            name="shop_tenants",
            version="1.0.0",
            description="A shop of many tenants with row-level security",
            workload_types=("shop_tenants",),
            min_postgresql_version="13",
        )

    def create_workload(self, workload_type: str) -> Workload:
        if workload_type != "shop_tenants":
            raise ValueError(f"{workload_type!r} is not a type of this plugin")
        return ShopTenants()


PLUGIN = ShopTenantsPlugin()

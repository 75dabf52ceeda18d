"""A shop of many tenants in the same tables, kept apart by row-level security."""

from shop_tenants.plugin import PLUGIN

__all__ = ["PLUGIN"]

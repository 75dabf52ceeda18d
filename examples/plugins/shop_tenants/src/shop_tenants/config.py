"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ShopTenantsConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    tenant_skew: float = Field(default=1.0, ge=0, le=5, description="0: all tenants alike")
    order_percent: int = Field(default=30, ge=0, le=90, description="share of the orders")

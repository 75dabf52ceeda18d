"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TransfersConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    audit_percent: int = Field(default=5, ge=0, le=100, description="share of the audits")
    skew: float = Field(default=1.1, ge=0, le=5, description="of the accounts; 0: all alike")
    in_order: bool = Field(default=True, description="false: transfers lock the payer first")

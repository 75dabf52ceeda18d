"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EventsConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    kept_days: int = Field(default=7, ge=3, le=1000, description="days that are kept")
    ahead_days: int = Field(default=2, ge=1, le=100, description="partitions made ahead")
    turns_per_mille: int = Field(
        default=2, ge=0, le=1000, description="transactions that let the next day begin"
    )

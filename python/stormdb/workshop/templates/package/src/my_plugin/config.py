"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MyPluginConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    rows_per_scale: int = Field(default=1000, ge=1, description="rows for each unit of scale")
    read_percent: int = Field(default=80, ge=0, le=100, description="share of the reads")

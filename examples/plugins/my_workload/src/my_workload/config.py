"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MyWorkloadConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    read_ratio: float = Field(default=0.7, ge=0, le=1, description="reads in mode mixed")
    row_bytes: int = Field(default=64, ge=1, le=8000, description="length of a row's text")

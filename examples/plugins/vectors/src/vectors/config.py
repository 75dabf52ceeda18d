"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class VectorsConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    dimensions: int = Field(default=64, ge=2, le=2000, description="of an embedding")
    probes: int = Field(default=2, ge=1, le=20, description="topics that a search reads")
    write_percent: int = Field(default=10, ge=0, le=100, description="share of new embeddings")

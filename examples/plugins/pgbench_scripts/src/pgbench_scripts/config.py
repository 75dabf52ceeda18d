"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ScriptsConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    accounts: int = Field(default=1000, ge=10, description="accounts of a branch; pgbench: 100000")

"""What a configuration can ask of the workload."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TreeConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    move_percent: int = Field(default=10, ge=0, le=100, description="share of moves")
    guard: Literal["lock", "serializable", "none"] = Field(
        default="lock", description="what keeps two moves from making a cycle together"
    )

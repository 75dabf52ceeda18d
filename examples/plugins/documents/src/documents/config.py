"""What a configuration can ask of the workload."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DocumentsConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    operator_class: Literal["jsonb_path_ops", "jsonb_ops"] = Field(
        default="jsonb_path_ops", description="of the GIN index; `setup` makes it"
    )
    write_percent: int = Field(default=20, ge=0, le=100, description="share of changes")

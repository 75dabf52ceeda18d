"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SearchConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    edit_percent: int = Field(default=10, ge=0, le=100, description="share of edits")
    body_words: int = Field(default=60, ge=10, le=2000, description="words of an article's text")

"""What a configuration can ask of the workload."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class JobQueueConfig(BaseModel):
    """The keys below `workload_config`."""

    model_config = ConfigDict(extra="forbid")

    enqueue_percent: int = Field(default=50, ge=0, le=100, description="share of new jobs")
    fail_percent: int = Field(default=5, ge=0, le=50, description="jobs put off by an error")
    crash_percent: int = Field(default=2, ge=0, le=50, description="workers that die at work")
    skip_locked: bool = Field(default=True, description="false: workers wait for each other")

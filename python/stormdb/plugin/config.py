"""What a workload sees of the run's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The part of the run's configuration that is a workload's business. Read only.

    Connections, passwords and the arrival schedule are not: the pool that a workload is given is
    already connected, and it is stormdb that decides when `run` is called.

    Attributes:
        workload: the workload type that was asked for, one of the plugin's `workload_types`.
        mode: the free word of the configuration's `mode` key; "" when absent.
        scale: how much data to make, >= 1; what one unit means is the workload's choice.
        workers: how many `run` calls may be active at once, over all processes.
        connections: size of the connection pool, over all processes.
        duration_ns: length of the measured phases in nanoseconds.
        seed: seed of the run; the same seed offers the same work.
        schema: the schema that the workload owns; it is first in the search path.
        workload_config: the keys below `workload_config`: an instance of the workload's
            `config_model` if it declares one, else a plain mapping.
    """

    workload: str
    mode: str = ""
    scale: int = 1
    workers: int = 1
    connections: int = 1
    duration_ns: int = 0
    seed: int = 0
    schema: str = "public"
    workload_config: Any = field(default_factory=dict)

    def option(self, name: str, default: Any = None) -> Any:
        """One key of `workload_config`, or the default when it was not given."""
        if isinstance(self.workload_config, Mapping):
            return self.workload_config.get(name, default)
        return getattr(self.workload_config, name, default)

"""What discovery and hosts need to know; the sections of `stormdb.config` are that, and more.

The defaults are here a second time because reading them from the configuration's models takes
longer than listing the plugins; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["DefaultLimits", "DefaultSettings", "Limits", "Settings"]


class Limits(Protocol):
    """What plugin code may use; `stormdb.config.PluginLimits` is one."""

    @property
    def load_timeout_ns(self) -> int:
        """For import, `get_metadata`, `initialize`, `create_workload`."""

    @property
    def setup_timeout_ns(self) -> int:
        """For `setup` and for `cleanup`."""

    @property
    def verify_timeout_ns(self) -> int:
        """For `verify`."""

    @property
    def memory_bytes(self) -> int:
        """For each process."""


class Settings(Protocol):
    """Where plugins are; `stormdb.config.PluginsSettings` is one."""

    @property
    def paths(self) -> Sequence[str]:
        """Folders that are searched if `auto_load` is true."""

    @property
    def files(self) -> Sequence[str]:
        """Plugins that are always loaded."""

    @property
    def auto_load(self) -> bool:
        """Whether `paths` are searched."""

    @property
    def wheels(self) -> str | None:
        """Folder of wheels that packages come from; None for a package index."""

    @property
    def limits(self) -> Limits:
        """What plugin code may use."""

    @property
    def model_fields_set(self) -> Collection[str]:
        """The keys that were given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultLimits:
    """The limits of a configuration that says nothing about them."""

    load_timeout_ns: int = 30 * 10**9
    setup_timeout_ns: int = 3600 * 10**9
    verify_timeout_ns: int = 600 * 10**9
    memory_bytes: int = 2 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSettings:
    """The section `plugins` of a configuration that does not have it."""

    paths: Sequence[str] = ("./plugins",)
    files: Sequence[str] = ()
    auto_load: bool = True
    wheels: str | None = None
    limits: Limits = DefaultLimits()
    model_fields_set: Collection[str] = ()

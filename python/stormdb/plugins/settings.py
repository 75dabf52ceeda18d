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

    @property
    def cpu_time_ns(self) -> int:
        """On a CPU, for each process."""

    @property
    def disk_bytes(self) -> int:
        """For one file, and for all in the temporary folder."""

    @property
    def open_files(self) -> int:
        """Descriptors of each process."""

    @property
    def processes(self) -> int:
        """That plugin code starts."""

    @property
    def environment(self) -> Sequence[str]:
        """Names of variables that plugin code sees."""

    @property
    def read(self) -> Sequence[str]:
        """Files and folders."""

    @property
    def write(self) -> Sequence[str]:
        """Files and folders."""

    @property
    def connect(self) -> Sequence[int]:
        """TCP ports."""

    @property
    def user(self) -> str | None:
        """Whom the processes run as, if this one is root's."""

    @property
    def sandbox(self) -> str:
        """`auto`, or `off`: files and ports are not narrowed."""


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
    cpu_time_ns: int = 24 * 3600 * 10**9
    disk_bytes: int = 2**30
    open_files: int = 16_384
    processes: int = 256
    environment: Sequence[str] = ()
    read: Sequence[str] = ()
    write: Sequence[str] = ()
    connect: Sequence[int] = ()
    user: str | None = None
    sandbox: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSettings:
    """The section `plugins` of a configuration that does not have it."""

    paths: Sequence[str] = ("./plugins",)
    files: Sequence[str] = ()
    auto_load: bool = True
    wheels: str | None = None
    limits: Limits = DefaultLimits()
    model_fields_set: Collection[str] = ()

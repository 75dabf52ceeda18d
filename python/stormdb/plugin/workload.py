"""`WorkloadPlugin` and `Workload`: what a plugin implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import asyncpg
    from pydantic import BaseModel

    from stormdb.plugin.config import Config
    from stormdb.plugin.context import Context
    from stormdb.plugin.metadata import PluginMetadata
    from stormdb.plugin.metrics import Metrics

__all__ = ["Finding", "Workload", "WorkloadPlugin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One invariant that `verify` looked at.

    Attributes:
        name: the invariant, such as `sum of balances`.
        ok: True if it holds.
        detail: the values that were compared.
    """

    name: str
    ok: bool
    detail: str = ""


class Workload(ABC):
    """One kind of load. Its objects live in a schema of its own, first in the search path.

    Every method is an `async def`, gets a connection pool, and reports trouble by raising: the
    message of the exception reaches the user with the plugin's name and the line. A decorator on
    one of them keeps it recognisable with `functools.wraps`.
    """

    config_model: ClassVar[type[BaseModel] | None] = None
    """A pydantic model for the keys below `workload_config`; without one any keys are accepted."""

    mix: ClassVar[Literal["sampled", "deck"]] = "sampled"
    """How described transactions are mixed: drawn by weight, or dealt from shuffled decks, each of
    which has the exact shares."""

    async def cleanup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:  # noqa: B027
        """Remove what `setup` made, for `--rebuild` and `stormdb cleanup`.

        stormdb drops the workload's schema afterwards; this is for what lies outside of it.
        """

    @abstractmethod
    async def setup(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> None:
        """Create the schema's objects and load `cfg.scale` units of data.

        For `--setup` and `--rebuild`. Called on existing data it changes nothing.
        """

    async def run(self, ctx: Context, db: asyncpg.Pool, cfg: Config, metrics: Metrics) -> None:
        """Put load on the server: called again and again by each worker until the phase ends.

        A body that does one operation is one iteration; a body that loops until `ctx.done` is
        called once. A workload that describes transactions (`stormdb.workload`) needs no `run`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no run")

    async def verify(self, ctx: Context, db: asyncpg.Pool, cfg: Config) -> list[Finding]:
        """Check the workload's invariants after the run. Nothing to check by default."""
        return []


class WorkloadPlugin(ABC):
    """Entry point of a plugin; the module exports an instance named `PLUGIN`."""

    @abstractmethod
    def get_metadata(self) -> PluginMetadata:
        """Who the plugin is and what it needs."""

    @abstractmethod
    def create_workload(self, workload_type: str) -> Workload:
        """A new workload of one of the metadata's `workload_types`.

        Raises:
            ValueError: the type is not one of them.
        """

    def initialize(self) -> None:  # noqa: B027
        """Called once after the plugin is loaded, in each process that uses it."""

    def cleanup(self) -> None:  # noqa: B027
        """Called once before such a process ends."""

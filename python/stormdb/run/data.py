"""Makes, keeps or drops a workload's data, as the command's flags ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError, ConnectError
from stormdb.run.events import Stage
from stormdb.units import format_bytes

if TYPE_CHECKING:
    from stormdb.config import ConnectTarget
    from stormdb.plugin import Config
    from stormdb.plugins import Host
    from stormdb.run.schema import Marker, PluginSchema
    from stormdb.run.stages import Stages

__all__ = ["Confirm", "WorkloadData"]

Confirm = Callable[[str], Awaitable[bool]]
"""Asks the user whether what it names may be dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadData:
    """The data of one workload on one server.

    Attributes:
        schema: where it lives.
        host: the plugin.
        target: the server.
        plugin_target: how plugin code logs in to it.
        config: what the plugin sees.
        stages: tells the user what is going on.
        confirm: asks before anything is dropped.
    """

    schema: PluginSchema
    host: Host
    target: ConnectTarget
    plugin_target: ConnectTarget
    config: Config
    stages: Stages
    confirm: Confirm

    async def make(self, wanted: Marker, *, rebuild: bool) -> None:
        """Let the plugin make the data; afterwards others may use it too.

        Args:
            wanted: the marker of the data that the run needs.
            rebuild: drop what is there first.

        Raises:
            ConfigError: the schema is not stormdb's, in use, or holds other data.
            PluginError: the plugin's code failed; the marker says that the data is incomplete.
        """
        with self._explaining():
            found = await self.schema.marker()
            await self.schema.lock(exclusive=True)
            if found and rebuild:
                await self._drop()
                found = None
            if found is None:
                await self.schema.create(wanted)
            else:
                await self._check(found, wanted)
                wanted = replace(wanted, plugin_role=found.plugin_role)
            await self._set_up(is_new=found is None)
            await self.schema.mark(wanted.completed())
            await self.schema.share_lock()

    async def _set_up(self, *, is_new: bool) -> None:
        try:
            with self.stages.stage(Stage.SETUP):
                await self.host.setup(self.plugin_target, self.config)
        except asyncio.CancelledError:
            if is_new:
                self.stages.warn(
                    f"setup was interrupted: the data in schema {self.schema.name} is incomplete; "
                    "hint: make it anew with --rebuild"
                )
            raise

    async def use(self, wanted: Marker) -> None:
        """Take the data as it is.

        Raises:
            ConfigError: it is not there, in use by a setup, incomplete, other data, or not to be
                used by this role.
        """
        with self._explaining():
            found = await self.schema.marker()
            if found is None:
                raise ConfigError(
                    f"schema {self.schema.name} does not exist in {self.target.label}: the "
                    "workload's data has not been made yet",
                    hint="run once with --setup",
                )
            await self.schema.lock(exclusive=False)
            await self._check(found, wanted)

    async def drop(self) -> bool:
        """Drop the data, the user willing.

        Returns:
            False if there is none.

        Raises:
            ConfigError: the user is not, another role keeps something in the schema, or something
                outside of it depends on it.
            PluginError: the plugin's `cleanup` failed; nothing was dropped.
        """
        with self._explaining():
            if await self.schema.marker() is None:
                return False
            await self.schema.lock(exclusive=True)
            await self._drop()
            return True

    async def _drop(self) -> None:
        await self.schema.check_owners()  # before the plugin's own cleanup
        size = format_bytes(await self.schema.size_bytes())
        what = f"schema {self.schema.name} ({size}) in {self.target.label}"
        if not await self.confirm(what):
            raise ConfigError("nothing was dropped", hint="answer y, or give --yes")
        with self.stages.stage(Stage.CLEANUP):
            await self.host.cleanup(self.plugin_target, self.config)
            await self.schema.drop()

    async def _check(self, found: Marker, wanted: Marker) -> None:
        where = f"schema {self.schema.name}"
        if wanted.plugin_role not in {"", found.plugin_role}:
            by = f"role {found.plugin_role}" if found.plugin_role else "no database.plugin_role"
            raise ConfigError(
                f"its data was made with {by}, so role {wanted.plugin_role} cannot use it",
                where=where,
                hint="make it anew with --rebuild",
            )
        await self.schema.check_usage(wanted.plugin_role)
        if not found.is_complete:
            raise ConfigError(
                "its setup did not come to an end, so its data is incomplete",
                where=where,
                hint="make it anew with --rebuild",
            )
        if found.scale != wanted.scale:
            raise ConfigError(
                f"its data was made for scale {found.scale}, the run asks for {wanted.scale}",
                where=where,
                hint=f"make it anew with --rebuild, or run with --scale {found.scale}",
            )
        if found.plugin_version != wanted.plugin_version:
            self.stages.warn(
                f"schema {self.schema.name} was made by version {found.plugin_version} of the "
                f"plugin, this is {wanted.plugin_version}; hint: --rebuild makes it anew"
            )

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Say what the server has against a statement of our own."""
        import asyncpg

        try:
            yield
        except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError) as error:
            raise ConnectError(
                f"the connection broke: {error}",
                where=self.target.label,
                hint="look at the server's log",
            ) from error
        except asyncpg.PostgresError as error:
            hint = getattr(error, "hint", None)
            if error.sqlstate == "42501":
                dbname, user = self.target.dbname, self.target.user
                hint = f"ask for the right: GRANT CREATE ON DATABASE {dbname} TO {user}"
                if str(error).startswith("must be owner"):
                    hint = f"log in as the role that made it: {user} did not"
            elif error.sqlstate == "25006":
                hint = "log in to a primary server, where default_transaction_read_only is off"
            raise ConfigError(
                f"{error} ({error.sqlstate})", where=f"schema {self.schema.name}", hint=hint
            ) from error

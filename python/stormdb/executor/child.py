"""A worker process: `python -m stormdb.executor.child`. A plugin's host that can also `run`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stormdb import logs
from stormdb.executor.load import Load
from stormdb.executor.spec import Share
from stormdb.plugins.child import Child, main
from stormdb.plugins.commands import add_host_commands

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.plugins import wire
    from stormdb.plugins.commands import PluginState

__all__ = ["add_load_commands"]


class LoadCommands:
    """What a worker process answers besides what a host does."""

    def __init__(self, child: Child, state: PluginState) -> None:
        self._child = child
        self._state = state
        self._load: Load

    async def connect(self, args: wire.Message) -> None:
        """Open the connections of this process's share."""
        share = Share(**args)
        logs.hide(share.target["password"] or "")
        self._load = Load(
            share,
            self._state.workload,
            self._state.config(share.config),
            roots=self._child.roots,
            plugin_log=logging.getLogger(f"stormdb.plugin.{self._state.metadata.name}"),
            deliver=self._deliver,
        )
        await self._load.connect()

    async def run(self, args: wire.Message) -> None:
        """Put the load on the server; the answer comes when all is delivered."""
        try:
            await self._load.run(args["start_ns"])
        finally:
            self._child.event("load_ended")

    async def stop(self, _: wire.Message) -> None:
        """Offer no more."""
        self._load.stop()

    def _deliver(self, snapshots: Sequence[IntervalSnapshot], active_count: int) -> None:
        for snapshot in snapshots:
            self._child.event("snapshot", data=snapshot.to_bytes(), active_count=active_count)


def add_load_commands(child: Child) -> None:
    """Let a child process answer the commands of a host and those of a load."""
    commands = LoadCommands(child, add_host_commands(child))
    child.commands |= {"connect": commands.connect, "run": commands.run, "stop": commands.stop}


def _loop_factory() -> Any:
    try:
        import uvloop
    except ModuleNotFoundError:  # there is none for Windows
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    main(add_load_commands, _loop_factory())

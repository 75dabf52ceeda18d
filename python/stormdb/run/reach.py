"""The server of a run: an embedded one that is started, or one that runs already."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.config import ConnectTarget
from stormdb.run.events import Stage

if TYPE_CHECKING:
    from stormdb.config import RunConfig
    from stormdb.run.stages import Stages
    from stormdb.server import EmbeddedServer

__all__ = ["embedded_target", "start_embedded"]

_OWN_CONNECTIONS = 20
"""Connections beside the pool: the controller, setup, people who look on."""


async def start_embedded(
    config: RunConfig, stages: Stages, stack: AsyncExitStack
) -> EmbeddedServer:
    """Start an embedded server; leaving the stack stops it.

    Raises:
        ConfigError: a setting cannot be used.
        ConnectError: the server did not start.
    """
    from stormdb.server import DEFAULTS, EmbeddedServer

    database = config.database
    settings = dict(database.settings)
    needed = config.connection_count + _OWN_CONNECTIONS
    if "max_connections" not in settings and needed > int(DEFAULTS["max_connections"]):
        settings["max_connections"] = str(needed)
    server = EmbeddedServer(
        settings=settings,
        data_dir=Path(database.data_dir) if database.data_dir else None,
        pg_bin=Path(database.pg_bin) if database.pg_bin else None,
    )
    # A thread cannot be interrupted: whoever leaves meanwhile waits for it, then stops the server.
    starting = asyncio.ensure_future(asyncio.to_thread(server.start))

    async def stop() -> None:
        await asyncio.wait({starting})
        with stages.stage(Stage.STOP_SERVER):
            await asyncio.to_thread(server.stop)

    stack.push_async_callback(stop)
    with stages.stage(Stage.START_SERVER):
        return await asyncio.shield(starting)


def embedded_target(server: EmbeddedServer) -> ConnectTarget:
    """How to reach an embedded server: by its socket, which costs less than TCP."""
    return ConnectTarget(
        hosts=(str(server.socket_dir),),
        ports=(server.port,),
        user=server.user,
        password=server.password,
        dbname=server.dbname,
        sslmode="disable",
    )

"""A plugin's process that records what `run` asks the server: `python -m stormdb.testing.child`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from stormdb.executor.call_random import CallRandom
from stormdb.plugin import Context
from stormdb.plugins.child import Child, main
from stormdb.plugins.commands import add_host_commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from stormdb.plugins import wire
    from stormdb.plugins.commands import PluginState

__all__ = ["add_recording"]

_CALL_S = 10.0
_STATEMENTS = 50


class _NoMetrics:
    """Takes what `run` records, and keeps nothing."""

    def record_operation(self, seconds: float, *, name: str = "") -> None:
        """Nothing."""

    def record_error(self, error: BaseException | None = None, *, name: str = "") -> None:
        """Nothing."""

    @asynccontextmanager
    async def operation(self, name: str = "") -> AsyncIterator[None]:  # noqa: ARG002
        """The block alone."""
        yield

    def record(self, name: str, value: float) -> None:
        """Nothing."""

    def count(self, name: str, n: int = 1) -> None:
        """Nothing."""


class Recording:
    """What the process answers besides what a host does."""

    def __init__(self, child: Child, state: PluginState) -> None:
        del child
        self._state = state

    async def record(self, args: wire.Message) -> list[list[list[Any]]]:
        """Call `run` a number of times, one after the other.

        Returns:
            For each call, statement and values of everything that it asked, sorted: a call may
            ask several things at once.
        """
        import asyncpg

        from stormdb.config.target import ConnectTarget

        arguments = ConnectTarget.from_wire(args["target"]).asyncpg_arguments()
        schema = args["config"]["schema"].replace('"', '""')
        arguments["server_settings"]["search_path"] = f'"{schema}", public'
        asked = _Asked()

        async def listen(connection: Any) -> None:
            connection.add_query_logger(asked.add)

        calls = []
        async with asyncpg.create_pool(
            **arguments, min_size=1, max_size=4, init=listen, reset=_leave
        ) as pool:
            for iteration in range(args["calls"]):
                await self._call(iteration, pool, args["config"], asked)
                await asyncio.sleep(0)  # what was asked last is told soon, not at once
                calls.append(sorted(asked.statements))
        return calls

    async def _call(
        self, iteration: int, pool: asyncpg.Pool, config: dict[str, Any], asked: _Asked
    ) -> None:
        rng = CallRandom(config["seed"])
        rng.rewind(iteration)
        ctx = Context(random=rng, iteration=iteration)
        asked.begin(ctx._stop)  # noqa: SLF001
        try:
            async with asyncio.timeout(_CALL_S):
                await self._state.workload.run(ctx, pool, self._state.config(config), _NoMetrics())
        except Exception:  # noqa: S110 - what it asked before counts; errors are another test's
            pass


class _Asked:
    """What a call has asked; a body that loops is told to end when that is enough.

    Attributes:
        statements: texts with their values.
    """

    def __init__(self) -> None:
        self.statements: list[list[Any]] = []
        self._stop: asyncio.Event

    def begin(self, stop: asyncio.Event) -> None:
        """A call begins; `stop` ends it."""
        self.statements, self._stop = [], stop

    def add(self, query: asyncpg.connection.LoggedQuery) -> None:
        """Hear of a statement."""
        if len(self.statements) < _STATEMENTS:
            values = [repr(value) for value in query.args or ()]
            self.statements.append([" ".join(query.query.split()), values])
        else:
            self._stop.set()


async def _leave(_: Any) -> None:
    """As in a load, a connection goes back as it is."""


def add_recording(child: Child) -> None:
    """Let a child process answer the commands of a host, and record."""
    recording = Recording(child, add_host_commands(child))
    child.commands |= {"record": recording.record}


if __name__ == "__main__":
    main(add_recording)

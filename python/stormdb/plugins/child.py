"""The child process that runs plugin code: `python -m stormdb.plugins.child`.

`Child` is the part that every role shares. `stormdb.plugins.commands` adds what a host answers; the
executor's worker process adds its own commands to the same `Child` and calls `main`.
"""

from __future__ import annotations

import asyncio
import faulthandler
import functools
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from stormdb.plugins import failures, wire
from stormdb.plugins.forward import LogForwarder
from stormdb.plugins.keeper import fork_below_keeper
from stormdb.plugins.pulse import Pulse, lift_memory_limit, limit_memory
from stormdb.plugins.sandbox import Bounds, give_up

__all__ = ["Child", "Command", "main"]

Command = Callable[[wire.Message], Awaitable[Any]]


class Child:
    """Answers commands from the controller until the pipe closes.

    Args:
        command_fd: commands come from here.
        channel: answers go there.
        landlock: version of Landlock's interface that narrows it; 0 for none.

    Attributes:
        commands: what it answers to, by name; each gets the arguments and returns plain data.
        roots: the plugin's files and folders, set when it is loaded.
    """

    def __init__(self, command_fd: int, channel: wire.Channel, landlock: int) -> None:
        self._command_fd = command_fd
        self.channel = channel
        self._landlock = landlock
        self.commands: dict[str, Command] = {}
        self.roots: tuple[str, ...] = ()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.pulse = Pulse(self)

    def event(self, name: str, **fields: Any) -> None:
        """Tell the controller something that it did not ask for."""
        self.channel.send({"event": name, **fields})

    def running(self) -> list[asyncio.Task[None]]:
        """The commands that are not answered yet, oldest first."""
        return list(self._tasks.values())

    async def serve(self) -> None:
        """Answer until the controller closes the pipe or is gone."""
        try:
            await self._serve()
        finally:
            self.pulse.stop()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2**20)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(self._command_fd, "rb", 0)
        )
        hello = await wire.read(reader)
        if hello is None:
            return
        limit_memory(hello["args"]["memory_bytes"])
        LogForwarder(self.channel).install(hello["args"]["log_level"])
        self.channel.send(
            {
                "hello": wire.PROTOCOL,
                "python": sys.version.split()[0],
                "landlock": self._landlock,
            }
        )
        self.pulse.start(loop)
        while message := await wire.read(reader):
            number = message.get("cancel") or message["id"]
            if "cancel" in message:
                if task := self._tasks.get(number):
                    task.cancel()
                continue
            task = loop.create_task(self._answer(number, message["command"], message["args"]))
            self._tasks[number] = task
            task.add_done_callback(functools.partial(self._forget, number))

    def _forget(self, number: int, _: asyncio.Task[None]) -> None:
        del self._tasks[number]

    async def _answer(self, number: int, command: str, args: wire.Message) -> None:
        try:
            value = await self.commands[command](args)
        # SystemExit of plugin code too: it must not end the process without an answer.
        except BaseException as error:
            if isinstance(error, MemoryError):
                lift_memory_limit()
            self.channel.send({"id": number, "failure": failures.describe(error, self.roots)})
        else:
            self.channel.send({"id": number, "value": value})


def main(roles: Callable[[Child], object], loop_factory: Any = None) -> None:
    """Run a child process to its end.

    Args:
        roles: adds the commands.
        loop_factory: makes the event loop; None for asyncio's own.
    """
    command_fd, message_fd, crash_fd = map(int, sys.argv[1:4])
    bounds = Bounds.from_argument(sys.argv[4])
    fork_below_keeper(command_fd, message_fd, crash_fd, bounds)
    for fd in (command_fd, message_fd, crash_fd):
        os.set_inheritable(fd, False)
    faulthandler.enable(crash_fd, all_threads=True)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    child = Child(command_fd, wire.Channel(message_fd), give_up(bounds))
    roles(child)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(child.serve())


if __name__ == "__main__":
    from stormdb.plugins.commands import add_host_commands

    main(add_host_commands)

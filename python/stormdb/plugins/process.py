"""A child process of the controller: started, asked, watched, ended. Knows nothing of plugins.

Three pipes of its own beside stdin, stdout and stderr: commands to the child, messages from it, and
one that only `faulthandler` writes to, so that a crash tells where it happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import shutil
import signal
import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from stormdb.plugins import wire

if TYPE_CHECKING:
    from stormdb.plugins.sandbox import Bounds

__all__ = [
    "ChildFailure",
    "ChildLost",
    "ChildProcess",
    "Listener",
    "child_environment",
    "is_handed_on",
]

# What a program needs to find its files, its words and its libraries, and to use the machine well.
_USUAL = re.compile(
    r"^(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|VIRTUAL_ENV|PYTHON\w+|LD_LIBRARY_PATH"
    r"|DYLD_\w+|SSL_CERT_(FILE|DIR)|(OMP|OPENBLAS|MKL|NUMEXPR|BLIS)_\w+|NO_COLOR|SYSTEMROOT)$"
)
_SECRET = re.compile(r"^(PG|STORMDB_)|PASSW(OR)?D", re.IGNORECASE)
_FORGED = (KeyError, TypeError, ValueError, AttributeError, asyncio.InvalidStateError)
_LINE_BYTES = 8192
_BEAT_S = 0.3
_CANCEL_S = 1.0
_DRAIN_S = 1.0
_KEEPER_S = 6.0  # longer than the keeper takes for what does not want to end


class Listener(Protocol):
    """Hears what a child says without having been asked."""

    @property
    def is_blocked(self) -> bool:
        """The child's event loop stands still: it does not hear that a command is cancelled."""

    def on_line(self, stream: str, line: str) -> None:
        """A line on `stdout` or `stderr`, whoever wrote it."""

    def on_message(self, message: wire.Message) -> None:
        """A log record, a progress report, a heart beat or an event."""


class ChildFailure(Exception):  # noqa: N818  # an answer, not a fault of this process
    """The child answered a command with a failure: see `stormdb.plugins.failures`."""

    def __init__(self, failure: wire.Message) -> None:
        super().__init__(failure.get("text", ""))
        self.failure = failure


class ChildLost(Exception):  # noqa: N818  # as above
    """The child has ended.

    Attributes:
        status: exit status, or minus the number of the signal that ended it.
        crash: what `faulthandler` wrote, and why the keeper killed it; "" if nothing.
        last_line: what came last on stderr, "" if nothing.
        damage: what was wrong with its messages, so that it was killed; "" if nothing.
    """

    def __init__(self, status: int, crash: str, last_line: str, damage: str = "") -> None:
        super().__init__(f"exit status {status}")
        self.status = status
        self.crash = crash
        self.last_line = last_line
        self.damage = damage


def is_handed_on(name: str) -> bool:
    """Whether a variable reaches a child that declares it; what may hold a password does not."""
    return not _SECRET.search(name)


def child_environment(
    environ: Mapping[str, str], declared: Collection[str], *, is_own: bool = True
) -> dict[str, str]:
    """What a child sees of the environment; connection data and passwords in no case.

    Args:
        environ: the controller's.
        declared: names that the plugin or the user asks for besides the usual ones.
        is_own: False for another Python, which must not be led to the packages of this one.
    """
    left_out = () if is_own else ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {
        name: value
        for name, value in environ.items()
        if (name in declared or _USUAL.match(name)) and is_handed_on(name) and name not in left_out
    }


class ChildProcess:
    """One child, in a process group and session of its own. Made by `spawn`."""

    def __init__(self, listener: Listener, folder: str) -> None:
        self._listener = listener
        self._folder = folder
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._process: asyncio.subprocess.Process
        self._commands: asyncio.WriteTransport
        self._crash_fd = -1
        self._last_line = ""
        self._damage = ""
        self._readers: list[asyncio.Task[None]] = []
        self._transports: list[asyncio.BaseTransport] = []
        self._end: asyncio.Task[ChildLost]
        self.hello: asyncio.Future[wire.Message] = asyncio.get_running_loop().create_future()

    @classmethod
    async def spawn(
        cls,
        module: str,
        listener: Listener,
        bounds: Bounds,
        python: str,
        environment: Mapping[str, str],
    ) -> ChildProcess:
        """Start `python -m module`; its descriptors and bounds are on its command line.

        Args:
            module: what it runs.
            listener: hears it.
            bounds: within what it runs; the temporary folder ends with the process.
            python: what runs it.
            environment: all that it sees, see `child_environment`.
        """
        self = cls(listener, bounds.folder)
        command_read, command_write = os.pipe()
        message_read, message_write = os.pipe()
        self._crash_fd, crash_write = os.pipe()
        theirs = (command_read, message_write, crash_write)
        try:
            self._process = await asyncio.create_subprocess_exec(
                python,
                *("-P", "-m", module, *map(str, theirs), bounds.to_argument()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=theirs,
                start_new_session=True,
                env=environment,
            )
        finally:
            for fd in theirs:
                os.close(fd)
        await self._connect(command_write, message_read)
        return self

    async def _connect(self, command_write: int, message_read: int) -> None:
        loop = asyncio.get_running_loop()
        self._commands, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(command_write, "wb", 0)
        )
        reader = asyncio.StreamReader(limit=2**20)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(message_read, "rb", 0)
        )
        self._transports = [self._commands, transport]
        assert self._process.stdout
        assert self._process.stderr
        self._readers = [
            asyncio.create_task(self._read_messages(reader)),
            asyncio.create_task(self._read_lines("stdout", self._process.stdout)),
            asyncio.create_task(self._read_lines("stderr", self._process.stderr)),
        ]
        self._end = asyncio.create_task(self._watch())

    @property
    def pid(self) -> int:
        """Process id, and the id of the process group."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """False once the process has ended."""
        return self._process.returncode is None

    def tell(self, message: wire.Message) -> None:
        """Send a message that has no answer."""
        self._commands.write(wire.pack(message))

    async def request(self, command: str, args: wire.Message, timeout_s: float | None) -> Any:
        """Send a command and wait for its answer.

        Cancelled or out of time, the command is cancelled in the child, which has a second to obey.

        Raises:
            ChildFailure: the child answered that it failed.
            ChildLost: the child ended before it answered.
            TimeoutError: there was no answer in time.
        """
        if self._end.done():
            raise self._end.result()
        number = next(self._ids)
        answer = self._pending[number] = asyncio.get_running_loop().create_future()
        self.tell({"id": number, "command": command, "args": args})
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(answer)
        except (TimeoutError, asyncio.CancelledError):
            await self._cancel(number, answer)
            raise
        finally:
            self._pending.pop(number, None)
            answer.cancel()

    async def _cancel(self, number: int, answer: asyncio.Future[Any]) -> None:
        """Give the command a chance to end what it began on the server."""
        if self._end.done():
            return
        self.tell({"cancel": number})
        # First as long as the next heart beat takes: the last one may be of before.
        for pause_s in (_BEAT_S, _CANCEL_S - _BEAT_S):
            await asyncio.wait([answer], timeout=pause_s)
            if answer.done() or self._listener.is_blocked:
                break
        if answer.done() and not answer.cancelled():
            answer.exception()

    async def ended(self) -> ChildLost:
        """Wait for the end of the process; all that it said has been heard then."""
        return await asyncio.shield(self._end)

    async def kill(self, *, dump: bool = False) -> ChildLost:
        """End the process and its whole group now.

        Args:
            dump: let `faulthandler` write down first where the child is.
        """
        if dump and self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGABRT)
            await asyncio.wait([self._end], timeout=_DRAIN_S)
        self.kill_now()
        return await self.ended()

    async def close(self, grace_s: float = 2.0) -> ChildLost:
        """Close the command pipe, which ends the child; kill it if it does not obey in time."""
        self._commands.close()
        done, _ = await asyncio.wait([self._end], timeout=grace_s)
        if not done:
            self.kill_now()
        return await self.ended()

    def kill_now(self) -> None:
        """End the process and what it started; `ended` waits for what follows.

        Its keeper does it thoroughly; the whole group is killed if that does not come to an end.
        """
        if self.is_alive and sys.platform == "linux":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                self._process.send_signal(signal.SIGTERM)
            asyncio.get_running_loop().call_later(_KEEPER_S, self._kill_group)
        else:
            self._kill_group()

    def _kill_group(self) -> None:
        if self._end.done():
            return  # its number may be another process's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _watch(self) -> ChildLost:
        """Wait for the end, collect the last words, tell all who wait."""
        status = await self._process.wait()
        self._kill_group()
        _, still_open = await asyncio.wait(self._readers, timeout=_DRAIN_S)
        for task in still_open:
            task.cancel()
        os.set_blocking(self._crash_fd, False)
        crash = b""
        with contextlib.suppress(BlockingIOError):
            crash = os.read(self._crash_fd, 2**16)
        os.close(self._crash_fd)
        for transport in self._transports:
            transport.close()
        # The keeper has removed it, if there was one and it came to that.
        shutil.rmtree(self._folder, ignore_errors=True)
        lost = ChildLost(status, crash.decode(errors="replace"), self._last_line, self._damage)
        for answer in [self.hello, *self._pending.values()]:
            if not answer.done():
                answer.set_exception(lost)
                answer.exception()
        return lost

    async def _read_messages(self, reader: asyncio.StreamReader) -> None:
        """Hear the child to its end; one that is not understood, or that nobody hears, ends now."""
        try:
            while message := await wire.read(reader):
                try:
                    self._hear(message)
                except _FORGED as error:
                    raise wire.DamageError(f"no message of stormdb's: {error!r}") from error
        except wire.DamageError as error:
            self._damage = str(error)
            self.kill_now()
        except Exception:
            self.kill_now()
            raise

    def _hear(self, message: wire.Message) -> None:
        answer = self._pending.get(message.get("id", 0))
        if "hello" in message:
            self.hello.set_result(message)
        elif "failure" in message and answer and not answer.done():
            answer.set_exception(ChildFailure(message["failure"]))
        elif "value" in message and answer and not answer.done():
            answer.set_result(message["value"])
        elif "id" not in message:
            self._listener.on_message(message)

    async def _read_lines(self, name: str, stream: asyncio.StreamReader) -> None:
        rest = b""
        while data := await stream.read(2**16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._say(name, line)
            if len(rest) > _LINE_BYTES:
                self._say(name, rest)
                rest = b""
        if rest:
            self._say(name, rest)

    def _say(self, name: str, line: bytes) -> None:
        text = line[:_LINE_BYTES].decode(errors="replace").rstrip()
        if text:
            if name == "stderr":
                self._last_line = text
            self._listener.on_line(name, text)

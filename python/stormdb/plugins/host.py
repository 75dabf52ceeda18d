"""`Host`: the controller's side of one process that runs a plugin."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from stormdb.errors import PluginError
from stormdb.plugin import Finding, PluginMetadata
from stormdb.plugins import environments, failures, places, wire
from stormdb.plugins.access import Access
from stormdb.plugins.bounds import access_of, bounds_of
from stormdb.plugins.manifest import disagreement, metadata_problem
from stormdb.plugins.places import Place
from stormdb.plugins.plugin_log import LogSieve, PluginLog
from stormdb.plugins.process import ChildFailure, ChildLost, ChildProcess, child_environment
from stormdb.plugins.record import Kind
from stormdb.units import format_duration

if TYPE_CHECKING:
    from stormdb.config.target import ConnectTarget
    from stormdb.config.workload_keys import WorkloadKeyProblem
    from stormdb.plugin import Config
    from stormdb.plugins.record import PluginRecord
    from stormdb.plugins.settings import Limits

__all__ = ["CompiledProgram", "Host"]

_log = logging.getLogger(__name__)
_HELLO_S = 30.0
_STALE_NS = 2_000_000_000
_WARN_NS = 10_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledProgram:
    """A workload's described transactions, as the host process has compiled them.

    Attributes:
        bytes: the program, for the engine.
        digest: `sha256:` and 64 hexadecimal digits over the bytes.
        text: its listing for people.
    """

    bytes: bytes
    digest: str
    text: str


def _ignore(*_: object) -> None:
    """Nobody listens."""


class Host:
    """One child process with one plugin in it. Made by `start`; `async with` ends it.

    Attributes:
        record: the plugin, with its metadata once they are known.
        landlock: version of Landlock's interface that narrows the process; 0 for none.
        is_blocked: whether plugin code kept the process from its event loop at the last heart beat.
        workload_schema: JSON schema of the workload's configuration; None if any keys will do.
        workload_doc: what the workload's docstring says.
        has_run: whether the workload has the form of a coroutine.
        describes_transactions: whether it has the form of described transactions.
    """

    def __init__(
        self,
        record: PluginRecord,
        limits: Limits,
        *,
        on_log: Callable[[PluginLog], None] = _ignore,
        on_progress: Callable[[int, int | None, str], None] = _ignore,
        on_event: Callable[[wire.Message], None] = _ignore,
    ) -> None:
        self.record = record
        self.workload_schema: dict[str, Any] | None = None
        self.workload_doc = ""
        self.has_run = False
        self.describes_transactions = False
        self._limits = limits
        self._log = LogSieve(on_log)
        self._on_progress = on_progress
        self._on_event = on_event
        self._process: ChildProcess
        self._command = ""
        self._exiting: Place | None = None
        self._place: Place | None = None
        self._beat_ns = 0
        self._warn_at_ns = _WARN_NS
        self._is_over_memory = False
        self.is_blocked = False
        self.landlock = 0

    @classmethod
    async def start(
        cls,
        record: PluginRecord,
        limits: Limits,
        *,
        access: Access | None = None,
        initialize: bool = True,
        module: str = "stormdb.plugins.child",
        **listeners: Any,
    ) -> Self:
        """Start a process, import the plugin, read and check its metadata, initialize it.

        Args:
            record: the plugin.
            limits: what it may use.
            access: what it may reach besides what the plugin and the limits say: of the server, as
                `Access.to_server` tells. None: nothing.
            initialize: False to stop after the metadata.
            module: what the process runs; its commands include those of the default.
            listeners: `on_log`, `on_progress` and `on_event`, called from the event loop.

        Raises:
            PluginError: the plugin cannot be used; names it and the place.
        """
        if record.problem:
            raise record.problem
        self = cls(record, limits, **listeners)
        try:
            await self._start(module, access or Access(), initialize=initialize)
        except BaseException:
            await self.kill()
            raise
        return self

    async def _start(self, module: str, access: Access, *, initialize: bool) -> None:
        assert self.record.entry
        python = sys.executable
        if self.record.environment:
            python = await environments.python_of(
                self.record.environment, name=self.record.name, where=self.record.where
            )
        access |= access_of(self.record, self._limits)
        self._process = await ChildProcess.spawn(
            module,
            self,
            bounds_of(self.record, self._limits, access),
            python,
            child_environment(os.environ, access.environment, is_own=python == sys.executable),
        )
        self._process.tell(
            {
                "args": {
                    "memory_bytes": self._limits.memory_bytes,
                    "log_level": logging.getLogger("stormdb.plugin").getEffectiveLevel(),
                }
            }
        )
        try:
            async with asyncio.timeout(_HELLO_S):
                hello = await self._process.hello
        except (ChildLost, TimeoutError) as error:
            said = error.last_line if isinstance(error, ChildLost) else "it gives no answer"
            raise PluginError(
                f"plugin {self.record.name}: its process did not start: {said or error}",
                where=self.record.where,
            ) from error
        if hello["hello"] != wire.PROTOCOL:
            raise PluginError(
                f"plugin {self.record.name}: its process runs another version of stormdb",
                hint="look for a second stormdb in PYTHONPATH",
            )
        self.landlock = hello["landlock"]
        await self.request("load", {"entry": self.record.entry.to_wire()})
        told = await self.request("metadata")
        try:
            metadata = PluginMetadata(**told)
        except (TypeError, ValueError) as error:  # its own process would have refused them
            raise PluginError(
                f"plugin {self.record.name}: its process told metadata that are none: {error}",
                where=self.record.where,
            ) from None
        self.record = replace(self.record, name=metadata.name, metadata=metadata)
        if problem := disagreement(self.record) or metadata_problem(self.record):
            raise problem
        if initialize:
            await self.request("initialize")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.stop()
        else:
            await self.kill()

    @property
    def openness(self) -> str:
        """What a user must know of bounds that this system does not offer; "" if it does."""
        if self.record.kind is Kind.BUILTIN or self._limits.sandbox == "off" or self.landlock >= 4:
            return ""
        open_to_all = "its TCP ports are" if self.landlock else "its files and TCP ports are"
        return (
            f"plugin {self.record.name} runs with the rights of the user: {open_to_all} not "
            "narrowed, since this system has no Landlock that would; see docs/security.md"
        )

    @property
    def pid(self) -> int:
        """Id of the process and of its group."""
        return self._process.pid

    async def request(
        self, command: str, args: wire.Message | None = None, *, timeout_ns: int | None = None
    ) -> Any:
        """Send a command of any role and wait for its answer.

        Args:
            command: its name; for `run` and its like, the name of the part of the plugin it runs.
            args: plain data.
            timeout_ns: limit; None for the load limit, 0 for none.

        Raises:
            PluginError: plugin code failed, did not end in time, or ended the process.
            ConnectError: the process could not connect to the server.
        """
        limit_ns = self._limits.load_timeout_ns if timeout_ns is None else timeout_ns
        outer, self._command, self._place = self._command, command, None
        try:
            return await self._process.request(command, args or {}, limit_ns / 1e9 or None)
        except ChildFailure as child:
            failure = child.failure
            _log.debug("plugin %s: %s", self.record.name, failure["traceback"])
            raise failures.error_of_failure(
                self.record, command, failure, self._limits.memory_bytes
            ) from None
        except ChildLost as lost:
            raise self._error_of_end(lost, command) from None
        except TimeoutError:
            raise await self.give_up(command, limit_ns) from None
        finally:
            self._command = outer

    async def give_up(self, command: str, limit_ns: int) -> PluginError:
        """End a process that does not come to an end; the error says where it was."""
        is_stale = time.monotonic_ns() - self._beat_ns > _STALE_NS
        lost = await self._process.kill(dump=is_stale)
        place = self._place
        if is_stale and self.record.entry:
            place = places.of_dump(lost.crash, self.record.entry.roots)
        return failures.time_error(self.record, command, limit_ns, place)

    async def lost(self) -> PluginError:
        """Wait for the end of the process and say how it ended."""
        return self._error_of_end(await self._process.ended(), self._command)

    def _error_of_end(self, lost: ChildLost, command: str) -> PluginError:
        if self._is_over_memory:
            return failures.memory_error(
                self.record, command, self._limits.memory_bytes, self._place
            )
        return failures.error_of_end(self.record, command, lost, self._exiting)

    async def create_workload(self, workload_type: str) -> None:
        """Let the plugin make a workload; the later calls are about it.

        Raises:
            PluginError: the type is not among its `workload_types`, or the plugin failed.
        """
        assert self.record.metadata
        if workload_type not in (known := self.record.metadata.workload_types):
            raise PluginError(
                f"plugin {self.record.name} has no workload type {workload_type}",
                where=self.record.where,
                hint=f"it has {', '.join(known)}",
            )
        answer = await self.request("create_workload", {"workload_type": workload_type})
        self.workload_schema = answer["config_schema"]
        self.workload_doc = answer["doc"]
        self.has_run = answer["has_run"]
        self.describes_transactions = answer["describes_transactions"]

    async def validate_config(self, values: dict[str, Any]) -> list[WorkloadKeyProblem]:
        """Check the keys below `workload_config` with the workload's model."""
        from stormdb.config.workload_keys import WorkloadKeyProblem

        found = await self.request("validate_config", {"values": values})
        return [WorkloadKeyProblem(**{**one, "path": tuple(one["path"])}) for one in found]

    async def compile(self, config: Config) -> CompiledProgram:
        """Let the workload describe its transactions.

        Raises:
            ProgramError: it describes none, or something that cannot be executed.
            PluginError: the plugin failed.
        """
        return CompiledProgram(**await self.request("compile", {"config": asdict(config)}))

    async def setup(self, target: ConnectTarget, config: Config) -> None:
        """Run the workload's `setup` in a pool of its own."""
        await self._call("setup", target, config, self._limits.setup_timeout_ns)

    async def cleanup(self, target: ConnectTarget, config: Config) -> None:
        """Run the workload's `cleanup` in a pool of its own."""
        await self._call("cleanup", target, config, self._limits.setup_timeout_ns)

    async def verify(self, target: ConnectTarget, config: Config) -> list[Finding]:
        """Run the workload's `verify` in a pool of its own."""
        found = await self._call("verify", target, config, self._limits.verify_timeout_ns)
        return [Finding(**one) for one in found]

    async def _call(
        self, command: str, target: ConnectTarget, config: Config, timeout_ns: int
    ) -> Any:
        args = {
            "target": target.to_wire(),
            "config": asdict(config),
            "timeout_ns": timeout_ns or 2**62,
        }
        return await self.request(command, args, timeout_ns=timeout_ns)

    async def stop(self) -> None:
        """Let the plugin clean up, then end the process.

        Raises:
            PluginError: the plugin's `cleanup` failed; the process has ended all the same.
        """
        try:
            if self._process.is_alive:
                await self.request("shutdown")
        finally:
            await self._process.close()
            self._log.flush(self.record.name)

    async def kill(self) -> None:
        """End the process and whatever it started, now."""
        if hasattr(self, "_process"):
            await self._process.kill()
            self._log.flush(self.record.name)

    def on_line(self, stream: str, line: str) -> None:
        """Hear a printed line."""
        level = "info" if stream == "stdout" else "warning"
        self._log.add(PluginLog(plugin=self.record.name, level=level, logger=stream, message=line))

    def on_message(self, message: wire.Message) -> None:
        """Hear what the child says unasked."""
        if "log" in message:
            self._log.add(PluginLog(plugin=self.record.name, **message["log"]))
        elif "progress" in message:
            done, total, what = message["progress"]
            self._on_progress(int(done), None if total is None else int(total), str(what))
        elif "beat" in message:
            self._on_beat(message["beat"])
        elif message.get("event") == "exit":
            self._exiting = message["place"]
        else:
            self._on_event(message)

    def _on_beat(self, beat: wire.Message) -> None:
        self._beat_ns = time.monotonic_ns()
        self.is_blocked = beat["blocked_ns"] > 0
        self._log.tick(self.record.name)
        self._place = beat["place"] or self._place
        if beat["peak_bytes"] > self._limits.memory_bytes and self._process.is_alive:
            self._is_over_memory = True
            self._process.kill_now()
        if beat["blocked_ns"] < self._warn_at_ns:
            if not beat["blocked_ns"]:
                self._warn_at_ns = _WARN_NS
            return
        self._warn_at_ns *= 2
        place = beat["place"]
        at = f" at {self.record.place(place)}: {place['text']}" if place else ""
        self._log.add(
            PluginLog(
                plugin=self.record.name,
                level="warning",
                logger=__name__,
                message=f"{failures.stage_name(self._command)} has blocked the event loop for "
                f"{format_duration(beat['blocked_ns'])}{at}",
            )
        )

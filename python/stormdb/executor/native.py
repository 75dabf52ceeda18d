"""`NativeExecutor`: drives the engine's threads, which execute a program without Python."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from typing import TYPE_CHECKING, Self

from stormdb._native import Engine, Target
from stormdb.errors import ConnectError, RunError
from stormdb.executor.interface import ExecutorEnd
from stormdb.results import ExecutorInfo

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot, Problem
    from stormdb.config import ConnectTarget
    from stormdb.errors import StormdbError
    from stormdb.executor.spec import LoadSpec

__all__ = ["NativeExecutor"]

_WATCH_S = 0.005
_AHEAD_NS = 10**9
"""Threads are told of their start so long before it: from then on they sleep, and hear no stop."""

Endpoint = tuple[str, str, str | tuple[str, int]]
"""Host, the same with its port for people, and the path of a socket or an address and a port."""


class NativeExecutor:
    """Threads of this process, each with its share of connections, workers and arrivals.

    Used as `CoroutineExecutor` is: `start`, `go`, `poll` until `finished`, `stop` at any time.

    Args:
        spec: the load.
        program: bytes of a compiled program.
    """

    def __init__(self, spec: LoadSpec, program: bytes) -> None:
        self.spec = spec
        self._program = program
        self._engine: Engine | None = None
        self._start_ns = 0
        self._telling: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # Dropping the engine joins its threads: not in the event loop's thread.
        engine, self._engine = self._engine, None
        if self._telling is not None:
            self._telling.cancel()
        if engine is not None:
            engine.stop()
            await asyncio.to_thread(_drop, [engine])

    @property
    def info(self) -> ExecutorInfo:
        """Threads of this process, and how they talk to the system."""
        return ExecutorInfo(
            kind="native",
            threads=self.spec.threads,
            io=self._engine.io if self._engine is not None else "",
            program_digest=f"sha256:{hashlib.sha256(self._program).hexdigest()}",
        )

    async def start(self) -> None:
        """Connect and prepare every statement.

        Raises:
            ConnectError: the server refuses or cannot be reached.
        """
        spec = self.spec
        target = await _target(spec)
        self._engine = engine = Engine(
            self._program,
            spec.plan,
            target,
            threads=spec.threads,
            io=spec.io,
            connections=spec.config.connections,
            workers=spec.config.workers,
            seed=spec.config.seed,
            think_time_ns=spec.think_time_ns,
            is_think_exponential=spec.think_time_distribution == "exponential",
            max_queue=spec.max_queue,
            max_lag_ns=spec.max_lag_ns,
            transaction_timeout_ns=spec.transaction_timeout_ns,
            max_tries=spec.retry.max_tries,
            retry_backoff_ns=spec.retry.backoff_ns,
            drain_ns=spec.drain_ns,
            protocol=spec.protocol,
            transient_ratio=spec.transient_ratio,
        )
        while not engine.is_ready:
            if engine.problems:
                raise _error(engine.problems[0], spec.target)
            await asyncio.sleep(_WATCH_S)

    async def go(self, start_ns: int) -> None:
        """Start the load: the first phase begins at this reading of the monotonic clock.

        Args:
            start_ns: `time.monotonic_ns()`, a little ahead.
        """
        assert self._engine is not None
        self._start_ns = start_ns
        delay_ns = start_ns - _AHEAD_NS - time.monotonic_ns()
        if delay_ns <= 0:
            self._engine.go(start_ns)
            return
        loop = asyncio.get_running_loop()
        self._telling = loop.call_later(delay_ns / 1e9, self._engine.go, start_ns)

    def poll(self) -> list[IntervalSnapshot]:
        """Snapshots that came since the last call: one per thread and interval, not merged."""
        return self._engine.poll() if self._engine is not None else []

    async def stop(self) -> None:
        """End the load early and orderly: offer no more, drain, return when all is delivered."""
        if self._telling is not None:
            self._telling.cancel()
        if self._engine is not None:
            self._engine.stop()
            await self.finished()

    async def finished(self) -> ExecutorEnd:
        """Wait until every thread has ended its part; what they sent last is in `poll`."""
        assert self._engine is not None
        while not self._engine.is_ended:  # noqa: ASYNC110 - its threads set no asyncio.Event
            await asyncio.sleep(_WATCH_S)
        problems = [_error(problem, self.spec.target) for problem in self._engine.problems]
        return ExecutorEnd(end_ns=time.monotonic_ns() - self._start_ns, problems=problems)


def _drop(holder: list[Engine]) -> None:
    holder.clear()


def _error(problem: Problem, target: ConnectTarget) -> StormdbError:
    hint = problem.hint or None
    if problem.is_of_server:
        return ConnectError(problem.message, where=target.label, hint=hint)
    return RunError(problem.message, where="engine", hint=hint)


async def _target(spec: LoadSpec) -> Target:
    """Where to connect, with names resolved and files read."""
    target = spec.target
    settings = {"application_name": target.application_name, **spec.server_settings}
    if target.options:
        settings["options"] = target.options
    try:
        return Target(
            await _endpoints(target),
            user=target.user,
            dbname=target.dbname,
            password=target.password,
            settings=settings,
            sslmode=target.sslmode,
            sslrootcert=target.sslrootcert,
            sslcert=target.sslcert,
            sslkey=target.sslkey,
            sslcrl=target.sslcrl,
            target_session_attrs=target.target_session_attrs,
            connect_timeout_ns=target.connect_timeout_ns,
            protocol_version=target.max_protocol_version,
        )
    except ValueError as error:
        message, _, hint = str(error).partition("; hint: ")
        raise ConnectError(message, where=target.label, hint=hint or None) from None


async def _endpoints(target: ConnectTarget) -> list[Endpoint]:
    """Every address of every host, in order; names are asked for once, before the run.

    Raises:
        ConnectError: no host has an address.
    """
    found: list[Endpoint] = []
    reasons: list[str] = []
    for host, port in zip(target.hosts, target.ports, strict=True):
        label = f"{f'[{host}]' if ':' in host else host}:{port}"
        if host.startswith("/"):
            found.append((host, label, f"{host}/.s.PGSQL.{port}"))
            continue
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            reasons.append(f"no address is known for the host {host}: {error.strerror}")
            continue
        found.extend((host, label, (str(answer[4][0]), port)) for answer in answers)
    if not found:
        raise ConnectError("; ".join(reasons), where=target.label, hint="check its name")
    return found

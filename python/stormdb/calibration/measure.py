"""Measures ceilings: the load of a run, through a run's executors, against canned answers."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stormdb._native import Phase, Plan, Rate
from stormdb.calibration import plugin
from stormdb.config import ConnectTarget, PluginsSettings
from stormdb.executor import CoroutineExecutor, LoadSpec, NativeExecutor
from stormdb.plugin import Config
from stormdb.plugins import Catalog
from stormdb.program import compile_workload, encode
from stormdb.results import Ceiling, Transport

if TYPE_CHECKING:
    from stormdb._native import IntervalSnapshot
    from stormdb.executor import Executor

__all__ = ["NullProcess", "Shape", "measure", "null_process"]

_WARM_UP_NS = 300_000_000
_LEAD_NS = 100_000_000
_PORT = 5432
_LAG_SHARE = 0.5
_MICRO = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A shape of the generator to measure; the words are those of `Ceiling`."""

    executor: Literal["native", "coroutine"]
    io: str
    parts: int
    transport: Transport
    connections: int


class NullProcess:
    """A server with canned answers in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, folder: str, port: int) -> None:
        self._process = process
        self._folder = folder
        self._port = port

    def target(self, transport: Transport) -> ConnectTarget:
        """How to reach it."""
        is_socket = transport == "unix"
        return ConnectTarget(
            hosts=(self._folder if is_socket else "127.0.0.1",),
            ports=(_PORT if is_socket else self._port,),
            user="calibration",
            dbname="calibration",
            sslmode="disable",
        )

    async def cpu_ns(self) -> int:
        """CPU time that it has used."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"\n")
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def null_process(threads: int) -> AsyncIterator[NullProcess]:
    """Start a server; it ends with the block, and with this process.

    Args:
        threads: of the server.
    """
    with tempfile.TemporaryDirectory(prefix="stormdb-") as folder:
        socket = str(Path(folder) / f".s.PGSQL.{_PORT}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stormdb.calibration.null_process", socket, str(threads)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin
        assert process.stdout
        try:
            yield NullProcess(process, folder, int(await process.stdout.readline()))
        finally:
            process.stdin.close()
            await process.wait()


async def measure(shape: Shape, server: NullProcess, seconds: float) -> Ceiling:
    """Measure one shape: a closed loop for the ceiling, then half of it offered for the lag.

    Args:
        shape: of the generator.
        server: canned answers.
        seconds: of each of the two, after a warm-up.

    Raises:
        ConnectError: the server cannot be reached.
    """
    full = await _load(shape, server, seconds, None)
    throughput_per_s = full.committed / full.length_s
    rate = Rate.hold(max(round(throughput_per_s * _LAG_SHARE), 1) * _MICRO)
    half = await _load(shape, server, seconds, rate)
    return Ceiling(
        executor=shape.executor,
        io=full.io,
        parts=shape.parts,
        transport=shape.transport,
        connections=shape.connections,
        throughput_per_s=throughput_per_s,
        cpu_ns=sum(full.busy_ratios) * full.length_s * 1e9 / max(full.committed, 1),
        busy_ratio=max(full.busy_ratios, default=0.0),
        server_busy_ratio=full.server_busy_ratio,
        schedule_lag_p99_ns=half.schedule_lag_p99_ns,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What one load left."""

    io: str
    length_s: float
    committed: int
    busy_ratios: Sequence[float]
    server_busy_ratio: float
    schedule_lag_p99_ns: int


async def _load(shape: Shape, server: NullProcess, seconds: float, rate: Rate | None) -> _Loaded:
    steady_ns = round(seconds * 1e9)
    phases = [
        Phase("warm-up", "warm_up", _WARM_UP_NS, rate),
        Phase("steady", "steady", steady_ns, rate),
    ]
    plan = Plan(phases)
    async with _executor(shape, server, plan) as executor:
        await executor.start()
        start_ns = time.monotonic_ns() + _LEAD_NS
        await executor.go(start_ns)
        await asyncio.sleep((start_ns + _WARM_UP_NS - time.monotonic_ns()) / 1e9)
        begun_ns, cpu_ns = time.monotonic_ns(), await server.cpu_ns()
        await asyncio.sleep((start_ns + plan.duration_ns - time.monotonic_ns()) / 1e9)
        cpu_ns = await server.cpu_ns() - cpu_ns
        server_busy_ratio = cpu_ns / (time.monotonic_ns() - begun_ns)
        end = await executor.finished()
        if end.problems:
            raise end.problems[0]
        snapshots, io = executor.poll(), executor.info.io
    return _loaded(snapshots, io, server_busy_ratio)


def _loaded(snapshots: Sequence[IntervalSnapshot], io: str, server_busy_ratio: float) -> _Loaded:
    steady = [one for one in snapshots if one.first_interval.phase_index == 1]
    merged = steady[0].copy()
    for snapshot in steady[1:]:
        merged.merge(snapshot)
    length_s = (merged.last_interval.end_ns - merged.first_interval.start_ns) / 1e9
    (cell,) = (one for one in merged.row_totals() if one.kind == "transaction")
    busy_ns: dict[int, int] = {}
    for snapshot in steady:
        for part, gauges in snapshot.processes.items():
            busy_ns[part] = busy_ns.get(part, 0) + gauges.cpu_ns
    lag = cell.schedule_lag
    return _Loaded(
        io=io,
        length_s=length_s,
        committed=cell.committed,
        busy_ratios=[used_ns / 1e9 / length_s for used_ns in busy_ns.values()],
        server_busy_ratio=server_busy_ratio,
        schedule_lag_p99_ns=lag.quantile(0.99) if lag.count else 0,
    )


class _Silent:
    """Nobody listens to the processes of a calibration."""

    def log(self, process: int, level: str, logger: str, message: str) -> None:
        """A record of plugin code, of which there is none."""

    def warning(self, sentence: str) -> None:
        """A lost process, which ends the load with a problem."""


def _executor(shape: Shape, server: NullProcess, plan: Plan) -> Executor:
    file = Path(plugin.__file__)
    settings = PluginsSettings(files=(str(file),), auto_load=False)
    (record,) = (
        one for one in Catalog.discover(settings).plugins if one.source == str(file.resolve())
    )
    config = Config(
        workload="select", workers=shape.connections, connections=shape.connections, seed=1
    )
    spec = LoadSpec(
        plan=plan,
        processes=shape.parts,
        threads=shape.parts,
        io=shape.io or "auto",
        target=server.target(shape.transport),
        config=config,
        plugin=record,
    )
    if shape.executor == "coroutine":
        return CoroutineExecutor(spec, _Silent())
    return NativeExecutor(spec, encode(compile_workload(plugin.Select(), config)))

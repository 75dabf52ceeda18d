"""`stormdb calibrate`: what this machine's load generator reaches when the server takes no time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.grouped import FlagGroup, GroupedCommand, grouped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from rich.table import Table

    from stormdb.calibration.measure import Shape
    from stormdb.results import Ceiling

__all__ = ["app"]

_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateFlags(FlagGroup):
    """What to measure."""

    title: ClassVar[str] = "What to measure"

    connections: Annotated[
        str, typer.Option(metavar="N[,N…]", help="Connections, each busy all the time.")
    ] = "1,4,16,64"
    threads: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N…]",
            help="Engine threads or worker processes; by default 1, and one per core as a run has.",
        ),
    ] = None
    io: Annotated[
        str, typer.Option(metavar="KIND", help="auto, uring or poll: how the engine does I/O.")
    ] = "auto"
    executor: Annotated[str, typer.Option(metavar="KIND", help="native, coroutine or both.")] = (
        "both"
    )
    seconds: Annotated[
        float, typer.Option(metavar="S", min=0.1, help="Length of each measurement.")
    ] = 1.0
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False


app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.command(cls=GroupedCommand)
@grouped
def calibrate(what: CalibrateFlags) -> int:
    """Measure this machine's load generator against a server that takes no time, and keep it.

    Reports of later runs then say how much of that ceiling they used. It takes about a minute;
    leave the machine alone meanwhile.

    \b
    stormdb calibrate
    stormdb calibrate --executor native --connections 16 --seconds 5
    stormdb calibrate --json > ceiling.json
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb import calibration
    from stormdb.errors import ExitCode

    ceilings = run_coroutine(_measure_all(_shapes(what), what.seconds))
    file = calibration.save(ceilings)
    if what.as_json:
        import json
        from dataclasses import asdict

        document = {"machine": calibration.machine(), "ceilings": [asdict(one) for one in ceilings]}
        typer.echo(json.dumps(document, indent=1))
    else:
        from rich.console import Console

        console = Console(highlight=False, markup=False, emoji=False, width=_WIDTH)
        console.print(_table(ceilings))
        typer.echo(f"kept in {file}; reports of later runs use it")
    return ExitCode.MET


async def _measure_all(shapes: Sequence[Shape], seconds: float) -> list[Ceiling]:
    from stormdb.units import format_rate

    found = []
    async for number, ceiling in _measured(shapes, seconds):
        rate = format_rate(ceiling.throughput_per_s)
        typer.echo(f"{number} of {len(shapes)}: {_name(ceiling)}: {rate}", err=True)
        found.append(ceiling)
    return found


async def _measured(shapes: Sequence[Shape], seconds: float) -> AsyncIterator[tuple[int, Ceiling]]:
    """Shapes with as many parts share a server, which gets the cores that they leave."""
    from itertools import groupby

    from stormdb.calibration.measure import measure, null_process

    number = 0
    for parts, group in groupby(shapes, key=lambda shape: shape.parts):
        async with null_process(max(1, min(parts, _cores() - parts))) as server:
            for shape in group:
                number += 1
                yield number, await measure(shape, server, seconds)


def _shapes(what: CalibrateFlags) -> list[Shape]:
    from stormdb.calibration.measure import Shape
    from stormdb.errors import ConfigError

    for word, name, allowed in (
        (what.executor, "--executor", ("native", "coroutine", "both")),
        (what.io, "--io", ("auto", "uring", "poll")),
    ):
        if word not in allowed:
            raise ConfigError(
                f"{word!r} is unknown", where=name, hint=f"use one of {', '.join(allowed)}"
            )
    connections = _numbers(what.connections, "--connections", 4096)
    threads = what.threads or f"1,{_cores()}"
    shapes = [
        Shape(
            executor=executor,
            io=what.io if executor == "native" else "",
            parts=parts,
            transport=transport,
            connections=count,
        )
        for parts in _numbers(threads, "--threads", 256)
        for executor in ("native", "coroutine")
        if what.executor in {executor, "both"}
        for transport in ("unix", "tcp")
        for count in connections
        if count >= parts
    ]
    if not shapes:
        raise ConfigError(
            "each thread needs a connection, so nothing is left to measure",
            where="--connections",
            hint=f"give at least as many as threads: {threads}",
        )
    return shapes


def _numbers(text: str, where: str, most: int) -> list[int]:
    from stormdb.errors import ConfigError

    words = text.split(",")
    if not all(word.strip().isdecimal() and 1 <= int(word) <= most for word in words):
        raise ConfigError(
            f"{text!r} is not a list of numbers from 1 to {most}",
            where=where,
            hint="write it as 1,16,64",
        )
    return sorted({int(word) for word in words})


def _cores() -> int:
    from stormdb import calibration

    return int(calibration.machine()["cpus"])


def _name(ceiling: Ceiling) -> str:
    kind = f"{ceiling.executor} {ceiling.io}".strip()
    part = "thread" if ceiling.executor == "native" else "process"
    return f"{kind}, {ceiling.parts} {part}, {ceiling.transport}, {ceiling.connections} connections"


def _table(ceilings: Sequence[Ceiling]) -> Table:
    from rich.table import Table

    from stormdb.units import format_duration, format_rate

    table = Table(box=None, pad_edge=False)
    for name in ("executor", "io", "parts", "transport"):
        table.add_column(name, no_wrap=True)
    for name in ("connections", "throughput", "CPU", "busy", "server busy", "lag p99"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in ceilings:
        table.add_row(
            *(one.executor, one.io, str(one.parts), one.transport, str(one.connections)),
            format_rate(one.throughput_per_s),
            format_duration(one.cpu_ns),
            f"{one.busy_ratio:.0%}",
            f"{one.server_busy_ratio:.0%}",
            format_duration(one.schedule_lag_p99_ns),
        )
    return table

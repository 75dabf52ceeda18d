"""`stormdb serve-null`: a PostgreSQL server with canned answers, to test clients against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from stormdb.cli.grouped import FlagGroup, GroupedCommand, grouped

if TYPE_CHECKING:
    from stormdb._native import NullServer

__all__ = ["app"]

_DEFAULT_PORT = 5432
_PGBENCH_RULE = ("partstrat", ["1", "NULL", "0"])
"""pgbench asks how its table is partitioned, and reads three columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenFlags(FlagGroup):
    """Where it listens."""

    title: ClassVar[str] = "Where"

    socket: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Listen on a Unix socket in this folder, not on TCP."),
    ] = None
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=65535,
            help="Port on 127.0.0.1, by default a free one; in the socket's name, by default 5432.",
        ),
    ] = None
    threads: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Each serves its own clients.")
    ] = 1
    io: Annotated[
        str, typer.Option(metavar="KIND", help="auto, uring or poll: how it talks to the system.")
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptFlags(FlagGroup):
    """How it answers."""

    title: ClassVar[str] = "What it does to its clients"

    delay: Annotated[str, typer.Option(metavar="TIME", help="Pause before each answer.")] = "0s"
    startup_delay: Annotated[
        str, typer.Option(metavar="TIME", help="Pause before a connection is welcomed.")
    ] = "0s"
    stall: Annotated[
        str, typer.Option(metavar="TIME", help="Stand still for so long, again and again.")
    ] = "0s"
    stall_every: Annotated[
        str, typer.Option(metavar="TIME", help="From the start of one stall to the next.")
    ] = "10s"
    error_every: Annotated[
        int, typer.Option(metavar="N", min=0, help="Every N-th statement of a thread fails.")
    ] = 0
    error_code: Annotated[str, typer.Option(metavar="SQLSTATE", help="Code of these.")] = "XX000"
    cut_every: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Every N-th answer of a thread is cut and the client hung up."
        ),
    ] = 0
    trickle: Annotated[
        bool, typer.Option("--trickle", help="Send the answers one byte at a time.")
    ] = False
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORDS=VALUE[,VALUE…]",
            help="What contains these words returns one row of these values; repeatable.",
        ),
    ] = None


app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.command(cls=GroupedCommand)
@grouped
def serve_null(listen: ListenFlags, script: ScriptFlags) -> int:
    """Serve canned answers: a PostgreSQL server that takes no time and keeps nothing.

    What returns rows gets one row with the value 1, everything else a count of 1. Any user and
    database will do. With its options it stalls, fails and hangs up, to see what clients say of it.

    \b
    stormdb serve-null --port 5433                     then: pgbench -n -S -h 127.0.0.1 -p 5433
    stormdb serve-null --socket /tmp                   then: psql -h /tmp
    stormdb serve-null --stall 2s --stall-every 10s    does the client tell of the stalls?
    stormdb serve-null --error-every 100 --error-code 40001
    stormdb serve-null --rule 'FROM account=7,full'    rows of its own for some statements

    Ctrl-C ends it and tells what it did.
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    import signal
    import threading

    from stormdb.errors import ExitCode
    from stormdb.units import format_count

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    stall_ns = _duration(script.stall, "--stall")
    every_ns = _duration(script.stall_every, "--stall-every", least_ns=stall_ns + 1)
    server = _start(listen, script)
    try:
        typer.echo(_where(listen, server))
        while not ended.wait(every_ns / 1e9 if stall_ns else None):
            server.stall(stall_ns)
    finally:
        server.stop()
    typer.echo(
        f"connections {format_count(server.clients)}, "
        f"statements {format_count(server.answered)}, "
        f"errors {format_count(server.errors)}, cuts {format_count(server.cuts)}, "
        f"cancel requests {format_count(server.cancelled)}"
    )
    return ExitCode.MET


def _duration(text: str, where: str, *, least_ns: int = 0) -> int:
    from stormdb.errors import ConfigError
    from stormdb.units import format_duration, parse_duration

    try:
        length_ns = parse_duration(text)
    except ConfigError as error:
        raise ConfigError(error.message, where=where, hint=error.hint) from None
    if length_ns < least_ns:
        raise ConfigError(
            f"after {format_duration(length_ns)} the last stall would not have ended",
            where=where,
            hint="make it longer than --stall",
        )
    return length_ns


def _start(listen: ListenFlags, script: ScriptFlags) -> NullServer:
    from stormdb._native import NullServer
    from stormdb.errors import ConfigError

    if len(script.error_code) != 5 or not script.error_code.isalnum():
        raise ConfigError(
            f"{script.error_code!r} is not an SQLSTATE",
            where="--error-code",
            hint="it has five letters and digits, such as 40001",
        )
    try:
        return NullServer(
            socket=None if listen.socket is None else str(_socket_file(listen)),
            port=listen.port or 0,
            threads=listen.threads,
            io=listen.io,
            rules=[*map(_rule, script.rule or []), _PGBENCH_RULE],
            answer_delay_ns=_duration(script.delay, "--delay"),
            startup_delay_ns=_duration(script.startup_delay, "--startup-delay"),
            error_every=script.error_every,
            error_code=script.error_code,
            cut_every=script.cut_every,
            is_trickling=script.trickle,
        )
    except ValueError as error:
        message, _, hint = str(error).partition("; hint: ")
        raise ConfigError(message, hint=hint or "choose another port or folder") from None


def _socket_file(listen: ListenFlags) -> Path:
    assert listen.socket is not None
    return listen.socket.resolve() / f".s.PGSQL.{listen.port or _DEFAULT_PORT}"


def _rule(text: str) -> tuple[str, list[str]]:
    from stormdb.errors import ConfigError

    words, equals, values = text.rpartition("=")
    if not equals or not words:
        raise ConfigError(
            f"{text!r} is not of the form WORDS=VALUE",
            where="--rule",
            hint="write --rule 'FROM account=7,full'",
        )
    return words, values.split(",")


def _where(listen: ListenFlags, server: NullServer) -> str:
    host, port = "127.0.0.1", server.port
    if listen.socket is not None:
        host, port = str(listen.socket.resolve()), listen.port or _DEFAULT_PORT
    return f"canned answers at {host}, port {port}: psql -h {host} -p {port}; Ctrl-C ends it"

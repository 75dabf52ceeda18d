"""`stormdb plugins gc`: the commands that get, keep and pass on plugins."""

from __future__ import annotations

from typing import Annotated

import typer

from stormdb.cli.grouped import PlainCommand

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(cls=PlainCommand, short_help="Remove environments that are not used.")
def gc(
    unused_for: Annotated[
        str,
        typer.Option(metavar="TIME", help="Keep what a run has used in this time; 0s for nothing."),
    ] = "720h",
) -> None:
    """Remove the environments of plugins, and unpacked archives, that no run has used for long.

    Nothing is lost by it: what is needed again is made again.
    """
    from stormdb.plugins import environments
    from stormdb.units import parse_duration

    count = total = 0
    for folder, size in environments.collect(parse_duration(unused_for) / 1e9):
        typer.echo(folder)
        count, total = count + 1, total + size
    typer.echo(f"removed {count} folders, {total / 1e6:.1f} MB")

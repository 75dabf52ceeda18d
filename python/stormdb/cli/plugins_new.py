"""`stormdb plugins new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["new"]


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the plugin.")],
    template: Annotated[
        Literal["native", "coroutine", "pgbench-script", "minimal-file"],
        typer.Option(
            "--template",
            "-t",
            help="native: described transactions, executed by native threads; coroutine: any "
            "Python; pgbench-script: scripts of pgbench, executed by native threads; "
            "minimal-file: a single file.",
        ),
    ] = "native",
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="Where it is made.")
    ] = Path(),
) -> None:
    """Make a new plugin that works, to be changed into yours.

    A package with configuration, tests, Makefile and files for CI; or a single file. Files that
    exist are not touched.
    """
    from stormdb.workshop.scaffold import create

    paths = create(name, template, folder)
    for path in paths:
        typer.echo(path)
    if template == "minimal-file":
        file = paths[0]
        typer.echo(f"\nnow: stormdb run {file.stem} --plugin {file}")
    else:
        typer.echo(f"\nnow: cd {folder / name} && make test && make run")

"""`stormdb plugins dev`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stormdb.cli.catalog import ConfigFlag

if TYPE_CHECKING:
    from stormdb.config import RunConfig

__all__ = ["dev"]


def dev(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The plugin's file or folder.")],
    config: ConfigFlag = None,
    workload: Annotated[
        str | None,
        typer.Option("--workload", "-w", help="Look at one workload type. Default: at each."),
    ] = None,
) -> None:
    """Watch a plugin's files; at each save check it, run it, and show what the server does.

    The data are made anew on a server that is started for it. The page has each transaction with
    its rate and times, each statement with its plan, and warnings, as explain --analyze has.
    """
    from stormdb.cli.catalog import find_plugins
    from stormdb.cli.coroutines import run_coroutine
    from stormdb.config import load
    from stormdb.errors import ConfigError
    from stormdb.workshop.develop import develop

    if not path.exists():
        raise ConfigError(f"there is no file or folder {path}", where="PATH")

    def load_config(name: str) -> RunConfig:
        return load(config, workload=name, flags={})

    try:
        run_coroutine(
            develop(
                path.absolute(),
                lambda: find_plugins(None, only=[path]),
                load_config,
                _show,
                workload,
            )
        )
    except KeyboardInterrupt:
        typer.echo()


def _show(lines: list[str]) -> None:
    """A page on a terminal takes the place of the last one; in a pipe it follows it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    if console.is_terminal:
        console.clear()
    for line in lines:
        word = line.lstrip().partition(":")[0]
        style = {"warning": "yellow", "problem": "bold red"}.get(word, "")
        console.print(Text(line, style=style))

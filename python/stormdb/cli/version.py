"""`stormdb version`."""

from __future__ import annotations

import typer

from stormdb.cli.app import print_version

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def version() -> None:
    """Print the version."""
    print_version(True)

"""`stormdb workloads list`."""

from __future__ import annotations

import typer

from stormdb.cli.catalog import ConfigFlag, FolderFlag, JsonFlag, PluginFlag
from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.grouped import PlainCommand

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _workloads() -> None:
    """List workload types."""


@app.command("list", cls=PlainCommand)
def list_(
    config: ConfigFlag = None,
    plugin: PluginFlag = None,
    plugin_path: FolderFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List what `stormdb run` can run: every workload type and its plugin."""
    from stormdb.cli.catalog import find_plugins, print_json, print_table
    from stormdb.cli.outcome import say

    catalog = find_plugins(config, plugin, plugin_path)
    run_coroutine(catalog.load())
    rows = [
        (name, record.name, record.metadata.description if record.metadata else "")
        for name, record in catalog.workload_types.items()
    ]
    if as_json:
        keys = ("workload", "plugin", "description")
        print_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        print_table(("WORKLOAD", "PLUGIN", "DESCRIPTION"), rows)
    for record in catalog.plugins:
        if record.problem:
            say(f"cannot be used: {record.problem}")

"""`stormdb cleanup`: drop what a workload's setup made."""

from __future__ import annotations

import typer

from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.flags import CleanupFlags, LogFlags, OutputFlags, ServerFlags, WhatFlags
from stormdb.cli.grouped import GroupedCommand, grouped

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.command(cls=GroupedCommand)
@grouped
def cleanup(what: WhatFlags, data: CleanupFlags, server: ServerFlags, log: LogFlags) -> int:
    """Drop the schema that a workload's setup made, and nothing else. Asks first.

    \b
    stormdb cleanup -c stormdb.yaml
    stormdb cleanup quickstart --host db.example --dbname shop --yes

    Only a schema that carries the mark of the workload's plugin is dropped, and only if no other
    role keeps something in it and nothing outside of it depends on it.
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.cli import prompt
    from stormdb.cli.catalog import catalog_of
    from stormdb.cli.outcome import say
    from stormdb.cli.outputs import open_view
    from stormdb.cli.settings import load_config
    from stormdb.errors import ExitCode
    from stormdb.run import RunOptions, Session

    config = load_config(what, log, server.values())
    catalog = catalog_of(config, what)
    options = RunOptions(confirm=prompt.always if data.yes else prompt.ask)
    with open_view(OutputFlags(), config) as view:
        dropped = run_coroutine(Session(config, catalog, view, options).clean_up())
    for schema in dropped:
        say(f"schema {schema} dropped")
    if not dropped:
        say("there is nothing to drop")
    return ExitCode.MET

"""`stormdb run`: one run, its report and its files."""

from __future__ import annotations

import typer

from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.flags import (
    DataFlags,
    LoadFlags,
    LogFlags,
    OutputFlags,
    ServerFlags,
    WhatFlags,
)
from stormdb.cli.grouped import GroupedCommand, grouped
from stormdb.errors import StoreError

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.command(cls=GroupedCommand)
@grouped
def run(  # noqa: PLR0913, PLR0917 - one for each section of the help
    what: WhatFlags,
    data: DataFlags,
    load: LoadFlags,
    server: ServerFlags,
    output: OutputFlags,
    log: LogFlags,
) -> int:
    """Put load on a server and report what a user would have felt.

    \b
    stormdb run quickstart                           on a server that stormdb starts itself
    stormdb run quickstart --rate 500 -d 30s         open loop: 500 arrivals per second
    stormdb run -c stormdb.yaml --setup              make the data, then run
    stormdb -c stormdb.yaml --rebuild --yes          the short form; drop the old data first
    stormdb run -c stormdb.yaml --json report.json   keep the report for programs

    Exit codes: 0 met, 1 usage, 2 no connection, 3 plugin or workload failed, 4 threshold missed,
    5 numbers cannot be trusted, 130 interrupted.
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.analysis import summarise_run
    from stormdb.cli import prompt
    from stormdb.cli.catalog import catalog_of
    from stormdb.cli.outcome import say
    from stormdb.cli.outputs import open_view, write_outputs
    from stormdb.cli.settings import load_config
    from stormdb.run import RunOptions, Session
    from stormdb.run.ending import ending_of

    config = load_config(what, log, load.values() | server.values() | output.values())
    output.exports().check()
    catalog = catalog_of(config, what)
    options = RunOptions(
        setup=data.setup,
        rebuild=data.rebuild,
        create_extensions=data.create_extensions,
        confirm=prompt.always if data.yes else prompt.ask,
    )
    with open_view(output, config) as view:
        results = run_coroutine(Session(config, catalog, view, options).run())
    thresholds = {name: one.thresholds for name, one in config.by_name.items()}
    of_all = config.thresholds if config.is_of_several else ()
    summary = summarise_run(results, thresholds, of_all)
    ending = ending_of(summary)
    are_written = write_outputs(output, summary, seed=config.seed)
    for reason in ending.reasons:
        say(f"stormdb: {reason}")
    return ending.code if ending.code or are_written else StoreError.exit_code

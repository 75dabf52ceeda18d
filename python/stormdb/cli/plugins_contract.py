"""`stormdb plugins test`: the contract of a plugin, promise by promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stormdb.cli.catalog import complete_plugins

if TYPE_CHECKING:
    from stormdb.plugins import PluginRecord
    from stormdb.testing.declaration import Declaration
    from stormdb.testing.outcome import Outcome

__all__ = ["try_contract"]

PluginArgument = Annotated[
    str,
    typer.Argument(
        metavar="PLUGIN",
        help="A plugin's path, or its name if it is found.",
        autocompletion=complete_plugins,
    ),
]


def try_contract(  # noqa: PLR0913, PLR0917 - each is a flag
    name: PluginArgument,
    url: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Server whose role may create databases. Default: one that is started for it.",
        ),
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD", help="Try the promises with this in their name; repeatable."),
    ] = None,
    declare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Declare what narrows the contract, such as writes=false; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a JUnit report too.")
    ] = None,
) -> None:
    """Try whether a plugin keeps its promises, each on a database of its own.

    \b
    stormdb plugins test my_workload.py
    stormdb plugins test my_workload.py --only setup --only cleanup
    stormdb plugins test my_workload.py --declare writes=false --declare memory_s=5

    Exits with 3 if a promise is broken. docs/testing-a-plugin.md says what is promised.
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.cli.catalog import print_json
    from stormdb.cli.coroutines import run_coroutine
    from stormdb.errors import ExitCode, StoreError
    from stormdb.testing.declaration import Declaration
    from stormdb.testing.report import is_kept, junit_xml, to_json

    declaration = Declaration.parse(declare or ())
    record, outcomes = run_coroutine(_test(name, url, only or (), declaration, not as_json))
    narrowed = list(declaration.narrowed())
    if as_json:
        print_json(to_json(record, outcomes, narrowed))
    else:
        _print_end(record, outcomes, narrowed)
    if junit:
        try:
            junit.write_bytes(junit_xml(record, outcomes, narrowed))
        except OSError as error:
            raise StoreError(f"cannot be written: {error.strerror}", where=str(junit)) from error
    if not is_kept(outcomes):
        raise typer.Exit(ExitCode.WORKLOAD)


async def _test(
    name: str, url: str, only: Any, declaration: Declaration, is_shown: bool
) -> tuple[PluginRecord, list[Outcome]]:
    from stormdb.testing.bench import Bench
    from stormdb.testing.contract import promises_named, try_promise
    from stormdb.testing.scratch import ScratchServer
    from stormdb.testing.subject import find_record

    promises = promises_named(only)
    record = await find_record(name)
    outcomes = []
    with ScratchServer.start(url) as server:
        bench = Bench(record, server, declaration)
        if is_shown:
            typer.echo(f"{record.name}  ({record.where})")
        try:
            for promise in promises:
                outcomes.append(await try_promise(promise, bench))
                if is_shown:
                    _print_outcome(outcomes[-1])
        finally:
            await bench.close()
    return record, outcomes


def _print_outcome(outcome: Outcome) -> None:
    from stormdb.logs import redact

    line = f"  {outcome.verdict:<9}  {outcome.promise} ({outcome.duration_ns / 1e9:.1f} s)"
    typer.echo(line)
    if text := str(outcome.problem or "") or outcome.detail:
        typer.echo(redact(f"             {text}"))


def _print_end(record: PluginRecord, outcomes: list[Outcome], narrowed: list[str]) -> None:
    from collections import Counter

    for line in narrowed:
        typer.echo(f"  declared   {line}")
    counts = Counter(str(one.verdict) for one in outcomes)
    shown = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    typer.echo(f"{record.name}: {shown}")

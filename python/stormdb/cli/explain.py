"""`stormdb explain`: what transactions do before anything runs, or how a server executes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.flags import LogFlags, WhatFlags
from stormdb.cli.grouped import GroupedCommand, grouped

if TYPE_CHECKING:
    from stormdb.config import RunConfig
    from stormdb.plugins import Catalog, CompiledProgram, PluginRecord
    from stormdb.workshop.look import Look

__all__ = ["app"]

_LOOK_NS = 1_000_000_000
"""How long the run takes that is not slowed by looking."""
_CONFIG_SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainFlags(WhatFlags):
    """What to explain, and how."""

    title: ClassVar[str] = "What to explain"

    name: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|NAME",
            help="Workload type, or its plugin, or a configuration file.",
        ),
    ] = None
    analyze: Annotated[
        bool,
        typer.Option(
            "--analyze",
            help="Run it for a few seconds on a server that is started for it, and show each "
            "statement with its plan and what makes one doubt.",
        ),
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False


app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.command(cls=GroupedCommand)
@grouped
def explain(what: ExplainFlags, log: LogFlags) -> int:
    """Show what a workload does: its described transactions, or the plans of its statements.

    \b
    stormdb explain bank                    a workload type
    stormdb explain ./bank.py               every workload type of a plugin
    stormdb explain stormdb.yaml            what a configuration runs
    stormdb explain bank --scale 50 --json  the whole program, for programs
    stormdb explain bank --analyze          its statements with their plans, on a server
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.cli.catalog import path_of, print_json
    from stormdb.errors import ExitCode

    if what.analyze:
        looks = run_coroutine(_look(what, log, path_of(what.name)))
        _print_looks(looks, as_json=what.as_json)
        return ExitCode.MET
    explained = run_coroutine(_explain(what, log, path_of(what.name)))
    if what.as_json:
        print_json([_facts(*one) for one in explained])
    else:
        typer.echo("\n".join(_text(*one) for one in explained), nl=False)
    return ExitCode.MET


Explained = tuple[str, "PluginRecord", "CompiledProgram"]
"""Workload type, plugin and program."""


async def _explain(what: ExplainFlags, log: LogFlags, path: Path | None) -> list[Explained]:
    catalog, record, configs = await _choose(what, log, path)
    return await _compile(catalog, record, configs)


async def _choose(
    what: ExplainFlags, log: LogFlags, path: Path | None
) -> tuple[Catalog, PluginRecord, list[RunConfig]]:
    """The plugin that is meant, and a configuration for each of its workload types that is."""
    from stormdb.cli.catalog import find_plugins
    from stormdb.cli.settings import load_config
    from stormdb.plugins import Catalog

    if path is None or path.suffix in _CONFIG_SUFFIXES:
        if path and what.name:
            what = replace(what, name=None, config=Path(what.name))
        config = _only_one(load_config(what, log, {}))
        catalog = Catalog.discover(config.plugins, where=config.where)
        await catalog.load()
        return catalog, catalog.find(config.workload), [config]
    catalog = find_plugins(what.config, what.plugin, what.plugin_path, only=[path])
    await catalog.load()
    record = catalog.named(path)
    if record.problem:
        raise record.problem
    assert record.metadata
    types = [what.workload] if what.workload else record.metadata.workload_types
    configs = [load_config(replace(what, name=one, workload=None), log, {}) for one in types]
    return catalog, record, configs


def _only_one(config: RunConfig) -> RunConfig:
    """The workload of a configuration that has one, or of which one was picked."""
    from stormdb.errors import ConfigError

    first, *others = config.by_name.values()
    if others:
        raise ConfigError(
            f"the configuration has several workloads: {', '.join(config.by_name)}",
            hint="name one of them: stormdb explain -c FILE NAME",
        )
    return first


async def _look(what: ExplainFlags, log: LogFlags, path: Path | None) -> list[tuple[str, Look]]:
    """Run each workload type that is meant on a server of its own."""
    from stormdb.workshop.look import look_at, looking_server

    catalog, _, configs = await _choose(what, log, path)
    async with looking_server(configs[0]) as server:
        return [
            (config.workload, await look_at(config, catalog, server, duration_ns=_LOOK_NS))
            for config in configs
        ]


def _print_looks(looks: list[tuple[str, Look]], *, as_json: bool) -> None:
    from stormdb.cli.catalog import print_json
    from stormdb.workshop.page import look_facts, look_lines

    if as_json:
        print_json([{"workload": workload} | look_facts(look) for workload, look in looks])
        return
    for workload, look in looks:
        typer.echo("\n".join([f"{workload}:", *look_lines(look)]))


async def _compile(
    catalog: Catalog, record: PluginRecord, configs: Sequence[RunConfig]
) -> list[Explained]:
    """The programs of workload types; where there are several, of those that have one."""
    from stormdb.plugins import Host
    from stormdb.run.ready import prepare_workload

    found: list[Explained] = []
    async with await Host.start(record, catalog.limits) as host:
        for config in configs:
            plugin_config = await prepare_workload(host, config)
            is_last_hope = config is configs[-1] and not found
            if host.describes_transactions or is_last_hope:
                program = await host.compile(plugin_config)
                found.append((config.workload, host.record, program))
    return found


def _text(workload: str, record: PluginRecord, program: CompiledProgram) -> str:
    assert record.metadata
    return f"{workload}: plugin {record.name} {record.metadata.version}\n{program.text}"


def _facts(workload: str, record: PluginRecord, program: CompiledProgram) -> dict[str, Any]:
    import msgpack

    assert record.metadata
    return {
        "workload": workload,
        "plugin": record.name,
        "version": record.metadata.version,
        "digest": program.digest,
        "program": _plain(msgpack.unpackb(program.bytes)),
    }


def _plain(value: Any) -> Any:
    """The value with bytes as PostgreSQL prints them, for JSON has none."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value

"""`stormdb plugins`: `list`, `info` and `check`; others have files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stormdb.cli.catalog import (
    ConfigFlag,
    FolderFlag,
    JsonFlag,
    PluginFlag,
    complete_plugins,
)
from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.grouped import PlainCommand
from stormdb.cli.plugins_contract import try_contract
from stormdb.cli.plugins_dev import dev
from stormdb.cli.plugins_new import new
from stormdb.cli.sharing import app as sharing

if TYPE_CHECKING:
    from stormdb.errors import StormdbError
    from stormdb.plugins import Catalog, PluginRecord
    from stormdb.plugins.check import Step
    from stormdb.plugins.settings import Limits

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)
app.add_typer(sharing)


@app.callback()
def _plugins() -> None:
    """Write, list, inspect, check and test plugins."""


app.command(cls=PlainCommand, short_help="Make a new plugin from a template.")(new)
app.command(cls=PlainCommand, short_help="Look at a plugin again at each save.")(dev)
app.command("test", cls=PlainCommand, short_help="Try whether a plugin keeps its promises.")(
    try_contract
)


@app.command("list", cls=PlainCommand, short_help="List the plugins that are found.")
def list_(
    config: ConfigFlag = None,
    plugin: PluginFlag = None,
    plugin_path: FolderFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List the plugins that are found, and say why some of them cannot be used.

    What a plugin's files say about it is enough. The code of one whose files say nothing runs only
    if you named, installed or checked it, or if the lock holds it: in a process of its own, and not
    again as long as its files stay the same. That it lies in a folder of the project, or was
    installed beside stormdb by another tool, does not count.
    """
    from stormdb.cli.catalog import confirmed_by, find_plugins, print_json, print_table
    from stormdb.cli.outcome import say

    catalog = find_plugins(config, plugin, plugin_path)
    run_coroutine(catalog.load(confirmed_by(config.parent if config else Path())))
    if as_json:
        print_json([_facts(record) for record in catalog.plugins])
        return
    rows = [
        (
            record.name,
            record.metadata.version if record.metadata else "-",
            str(record.kind),
            _types(record),
            record.where,
        )
        for record in catalog.plugins
    ]
    print_table(("NAME", "VERSION", "KIND", "WORKLOAD TYPES", "SOURCE"), rows)
    for record in catalog.plugins:
        if record.problem:
            say(f"cannot be used: {record.problem}")
    if unread := [record for record in catalog.plugins if _is_unread(record)]:
        places = ", ".join(record.where for record in unread)
        first = unread[0]
        # A distribution has no path: it is checked with all others.
        command = f"check {first.where}" if "/" in first.source else "check"
        say(
            f"not asked, because nobody named, installed or locked them: {places}; "
            f"hint: stormdb plugins {command} runs its code, a [tool.stormdb] table in "
            "its files makes that needless"
        )


def _is_unread(record: PluginRecord) -> bool:
    return not (record.metadata or record.problem)


def _types(record: PluginRecord) -> str:
    if record.problem or not record.metadata:
        return "cannot be used" if record.problem else "not asked"
    return ", ".join(record.metadata.workload_types)


@app.command(cls=PlainCommand, short_help="Show what a plugin says about itself.")
def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of a plugin, or its path.",
            autocompletion=complete_plugins,
        ),
    ],
    config: ConfigFlag = None,
    plugin: PluginFlag = None,
    plugin_path: FolderFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a plugin says about itself, and the keys of its workloads' configuration."""
    from stormdb.cli.catalog import find_plugins, path_of, print_json

    path = path_of(name)
    catalog = find_plugins(config, plugin, plugin_path, only=[path] if path else ())
    facts = run_coroutine(_inspect(catalog, path or name))
    if as_json:
        print_json(facts)
    else:
        for line in _lines(facts):
            typer.echo(line)


@app.command(cls=PlainCommand, short_help="Take plugins through their life without a server.")
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="Plugins to check. Default: all that are found."),
    ] = None,
    config: ConfigFlag = None,
    plugin: PluginFlag = None,
    plugin_path: FolderFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Take plugins through their life without a server, and tell each step.

    What its source shows to go wrong under load, import, metadata, needs, initialize(),
    create_workload() of each type, cleanup(). Exits with 3 if there is a problem. A line of the
    source is excused by a comment such as # stormdb: ok blocking-call.
    """
    from stormdb.cli.catalog import find_plugins, print_json
    from stormdb.errors import ConfigError, ExitCode

    for path in paths or ():
        if not path.exists():
            raise ConfigError(
                f"there is no file or folder {path}",
                where="PATH",
                hint="without PATH, all plugins that are found are checked",
            )
    found = run_coroutine(_check(find_plugins(config, plugin, plugin_path, only=paths or ())))
    if as_json:
        print_json(
            [
                _facts(record) | {"checks": [_step(step) for step in steps]}
                for record, steps in found
            ]
        )
    else:
        for record, steps in found:
            _print_check(record, steps)
    if any(step.problem for _, steps in found for step in steps):
        raise typer.Exit(ExitCode.WORKLOAD)


async def _check(catalog: Catalog) -> list[tuple[PluginRecord, list[Step]]]:
    """Each plugin with its steps; one that cannot be read, or whose name is taken, has one."""
    from stormdb.plugins.check import check as steps_of

    await catalog.load()
    return [
        (record, [step async for step in steps_of(record, catalog.limits)])
        for record in catalog.plugins
    ]


async def _inspect(catalog: Catalog, wanted: str | Path) -> dict[str, Any]:
    """All that can be known of one plugin without a server."""
    from stormdb.plugins import Host

    await catalog.load()
    record = catalog.named(wanted)
    async with await Host.start(record, catalog.limits) as host:
        metadata = host.record.metadata
        assert metadata
        landlock = host.landlock
        workloads = {}
        for workload_type in metadata.workload_types:
            await host.create_workload(workload_type)
            workloads[workload_type] = {
                "doc": host.workload_doc,
                "config_schema": host.workload_schema,
            }
    return _facts(host.record) | {
        "bounds": _bounds(host.record, catalog.limits, landlock),
        "workloads": workloads,
    }


def _bounds(record: PluginRecord, limits: Limits, landlock: int) -> dict[str, Any]:
    """What the processes of a plugin may use and reach here."""
    from dataclasses import asdict

    from stormdb.plugins.bounds import access_of
    from stormdb.plugins.process import is_handed_on
    from stormdb.units import format_bytes, format_duration

    access = access_of(record, limits)
    return {
        "landlock": landlock,
        "memory": format_bytes(limits.memory_bytes),
        "cpu_time": format_duration(limits.cpu_time_ns),
        "disk": format_bytes(limits.disk_bytes),
        "open_files": limits.open_files,
        "processes": limits.processes,
        "user": limits.user,
        **asdict(access),
        "environment": tuple(filter(is_handed_on, access.environment)),
    }


def _facts(record: PluginRecord) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "name": record.name,
        "kind": str(record.kind),
        "source": record.source,
        "digest": f"sha256:{record.digest}" if record.digest else None,
        "named_by": record.config_place or None,
        "installed_from": record.origin or None,
        "environment": _environment(record),
        "metadata": asdict(record.metadata) if record.metadata else None,
        "problem": _problem(record.problem),
    }


def _environment(record: PluginRecord) -> dict[str, Any] | None:
    """What the plugin runs in; None for stormdb's own environment."""
    if record.environment is None:
        return None
    facts = record.environment.facts() or {}
    return {
        "folder": str(record.environment.folder),
        "python": facts.get("python"),
        "packages": facts.get("packages"),
    }


def _problem(problem: StormdbError | None) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {"message": problem.message, "where": problem.where, "hint": problem.hint}


def _step(step: Step) -> dict[str, Any]:
    return {
        "check": step.name,
        "ok": step.problem is None,
        "detail": step.detail,
        "problem": _problem(step.problem),
        **({"file": step.flaw.file, "line": step.flaw.line} if step.flaw else {}),
    }


def _print_check(record: PluginRecord, steps: list[Step]) -> None:
    typer.echo(f"{record.name}  ({record.where})")
    for step in steps:
        if step.problem:
            typer.echo(f"  problem  {step.name}: {step.problem}")
        else:
            typer.echo(f"  ok       {step.name}{': ' if step.detail else ''}{step.detail}")


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    """What `info` shows to people."""
    head = {
        key: facts[key]
        for key in ("name", "kind", "source", "digest", "named_by", "installed_from")
    }
    if environment := facts["environment"]:
        packages = environment["packages"] or {}
        head["packages"] = [f"{name} {version}" for name, version in packages.items()]
        head["environment"] = f"{environment['folder']}, Python {environment['python']}"
    for key, value in (head | facts["metadata"]).items():
        text = ", ".join(value) if isinstance(value, list | tuple) else value
        if text:
            yield f"{key + ':':<24}{text}"
    yield ""
    yield "bounds (docs/security.md)"
    for key, value in facts["bounds"].items():
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        if value not in (None, (), []):
            yield f"  {key + ':':<22}{text}"
    for names, workload in _alike(facts["workloads"]):
        yield ""
        yield f"workload {', '.join(names)}"
        yield from (f"  {line}" for line in workload["doc"].partition("\n\n")[0].splitlines())
        schema = workload["config_schema"]
        if schema is None:
            yield "  workload_config: any keys"
            continue
        properties = schema.get("properties", {})
        yield f"  workload_config:{'' if properties else ' no keys'}"
        for key, value in properties.items():
            yield f"    {key}: {_key(value, key in schema.get('required', ()))}"


def _alike(workloads: dict[str, dict[str, Any]]) -> list[tuple[list[str], dict[str, Any]]]:
    """The workloads, those together that say the same about themselves."""
    groups: list[tuple[list[str], dict[str, Any]]] = []
    for name, workload in workloads.items():
        for names, other in groups:
            if other == workload:
                names.append(name)
                break
        else:
            groups.append(([name], workload))
    return groups


def _key(schema: dict[str, Any], is_required: bool) -> str:
    """One key of a workload's configuration: type, bounds, default, description."""
    import json

    kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
    words = {
        "minimum": ">=",
        "exclusiveMinimum": ">",
        "maximum": "<=",
        "exclusiveMaximum": "<",
    }
    parts = [
        "one of " + ", ".join(map(str, schema["enum"]))
        if "enum" in schema
        else " or ".join(filter(None, kinds)) or "any value",
        *(f"{sign} {schema[word]}" for word, sign in words.items() if word in schema),
        "required" if is_required else f"default {json.dumps(schema.get('default'))}",
    ]
    text = ", ".join(parts)
    return f"{text}; {schema['description']}" if "description" in schema else text

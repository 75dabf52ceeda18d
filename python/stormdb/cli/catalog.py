"""The plugins that the flags of a command, or its configuration file, let it find."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from stormdb.cli.flags import WhatFlags
    from stormdb.config import RunConfig
    from stormdb.plugins import Catalog, PluginRecord, Settings

__all__ = [
    "ConfigFlag",
    "FolderFlag",
    "JsonFlag",
    "PluginFlag",
    "catalog_of",
    "complete_plugins",
    "confirmed_by",
    "find_plugins",
    "path_of",
    "print_json",
    "print_table",
]

ConfigFlag = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        envvar="STORMDB_CONFIG",
        help="Configuration file whose plugins count.",
    ),
]
PluginFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        help="Load a plugin: .py file, package folder, wheel or zip; repeatable.",
    ),
]
FolderFlag = Annotated[
    list[str] | None,
    typer.Option("--plugin-path", metavar="FOLDER", help="Search a folder; repeatable."),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def find_plugins(
    config: Path | None,
    plugin: Iterable[str] | None = None,
    plugin_path: Iterable[str] | None = None,
    *,
    only: Sequence[Path] = (),
) -> Catalog:
    """The catalog as a run would find it, or one of certain files and folders.

    Args:
        config: configuration file; None for none.
        plugin: values of `--plugin`.
        plugin_path: values of `--plugin-path`.
        only: leave out all but the plugins in these.

    Raises:
        ConfigError: the configuration cannot be used, or names what does not exist.
    """
    from stormdb.plugins import Catalog

    settings, where = _settings(config, plugin, plugin_path)
    if only:
        return Catalog.at_paths(only, settings.limits, wheels=settings.wheels)
    return Catalog.discover(settings, where=where)


def catalog_of(config: RunConfig, what: WhatFlags) -> Catalog:
    """The plugins of a configuration; with `--locked`, only what the lock beside it holds.

    Raises:
        ConfigError: the configuration names a file that does not exist, or there is no lock.
    """
    from stormdb.plugins import Catalog

    catalog = Catalog.discover(config.plugins, where=config.where)
    if what.locked:
        from stormdb.plugins.lock import read_lock

        catalog.insist_on(read_lock(what.config.parent if what.config else Path()))
    return catalog


def complete_plugins(incomplete: str) -> list[tuple[str, str]]:
    """Plugins and their places, for shell completion; none of their code runs."""
    from stormdb.cli.coroutines import run_coroutine
    from stormdb.plugins import Catalog, DefaultSettings

    catalog = Catalog.discover(DefaultSettings())
    run_coroutine(catalog.load(lambda _: False))
    return [
        (record.name, record.where)
        for record in catalog.plugins
        if record.name.startswith(incomplete)
    ]


def confirmed_by(folder: Path) -> Callable[[PluginRecord], bool]:
    """Tells whether somebody has said that a plugin may run: named, installed or locked it.

    That it is found in stormdb's own environment, or in the project's folder, says nothing: it may
    have come along with something else.

    Args:
        folder: where the lock is, if there is one.
    """
    from stormdb.plugins import Kind, store
    from stormdb.plugins.lock import LOCK_FILE, read_lock

    has_lock = (folder / LOCK_FILE).exists()
    locked = {one["sha256"] for one in read_lock(folder).plugins} if has_lock else set()

    def is_confirmed(record: PluginRecord) -> bool:
        is_chosen = record.kind is Kind.BUILTIN or bool(record.config_place)
        return is_chosen or store.is_confirmed(record.digest) or record.digest in locked

    return is_confirmed


def path_of(name: str | None) -> Path | None:
    """The file or folder that an argument names; None for a word, which names something else.

    Raises:
        ConfigError: it can only be a path, and there is nothing.
    """
    if not name or not {"/", "."} & set(name):
        return None
    path = Path(name)
    if not path.exists():
        from stormdb.errors import ConfigError

        raise ConfigError(f"there is no file or folder {name}")
    return path.resolve()


def _settings(
    config: Path | None, plugin: Iterable[str] | None, plugin_path: Iterable[str] | None
) -> tuple[Settings, Callable[[str], str]]:
    """The section `plugins`; without file, flags and variables the defaults, read quickly."""
    has_variables = any(name.startswith("STORMDB_PLUGINS__") for name in os.environ)
    if not (config or plugin or plugin_path or has_variables):
        from stormdb.plugins import DefaultSettings

        return DefaultSettings(), str
    from stormdb.config import load

    flags = {
        "plugins.files": list(plugin or ()) or None,
        "plugins.paths": list(plugin_path or ()) or None,
    }
    # The workload does not matter here, but no configuration is complete without one.
    loaded = load(config, workload="any", flags=flags)
    return loaded.plugins, loaded.where


def print_json(value: object) -> None:
    """JSON for people and programs."""
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on a terminal; in a pipe, columns that a tool can cut."""
    import sys

    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table: Any = Table(box=None, pad_edge=False, header_style="bold")
        for index, heading in enumerate(headings):
            # A word that is broken over lines cannot be copied: the last columns give way.
            table.add_column(heading, overflow="fold", no_wrap=index < len(headings) - 2)
        for row in rows:
            table.add_row(*row)
        Console(highlight=False, markup=False).print(table)
        return
    lines = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())

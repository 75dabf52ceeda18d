"""`stormdb plugins install|remove|update|lock|build|gc`: get, keep and pass on plugins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stormdb.cli.catalog import ConfigFlag, FolderFlag, PluginFlag
from stormdb.cli.coroutines import run_coroutine
from stormdb.cli.grouped import PlainCommand

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, add_completion=False)

WheelsFlag = Annotated[
    str,
    typer.Option(
        "--find-links",
        metavar="FOLDER",
        help="Take packages from this folder of wheels alone, not from a package index.",
    ),
]


def _installed(incomplete: str) -> list[tuple[str, str]]:
    """Plugins that `install` has put somewhere, for shell completion."""
    from stormdb.plugins import store

    return [(one.name, one.origin) for one in store.installed() if one.name.startswith(incomplete)]


NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Name of an installed plugin.", autocompletion=_installed),
]


@app.command(cls=PlainCommand, short_help="Install a plugin for you or for a project.")
def install(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .py file, a folder, a wheel, a zip, a package name, or git+https://…",
        ),
    ],
    project: Annotated[
        bool, typer.Option("--project", help="Into .stormdb/plugins of the current folder.")
    ] = False,
    find_links: WheelsFlag = "",
) -> None:
    """Install a plugin for you, or for the project in the current folder.

    Its files are copied; none of its code runs, but a package that comes as source is built. The
    packages that it needs are got at its first use, into an environment of its own.

    \b
    stormdb plugins install orders.py
    stormdb plugins install --project dist/orders-1.0.0-py3-none-any.whl
    stormdb plugins install 'orders>=1'
    stormdb plugins install git+https://example.com/orders
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.plugins import store

    where = store.project_folder() if project else store.user_folder()
    one = run_coroutine(store.install(source, where, wheels=find_links))
    typer.echo(f"installed {one.name} from {one.origin} into {one.folder}")


@app.command(cls=PlainCommand, short_help="Install a plugin again from where it came.")
def update(name: NameArgument, find_links: WheelsFlag = "") -> None:
    """Install a plugin again from where it came, whatever is there now."""
    from stormdb.plugins import discover, store

    old = store.find(name)
    before = {record.digest for record in discover.at_path(old.path)}
    new = run_coroutine(
        store.install(old.origin, old.folder.parent, wheels=find_links, instead_of=old)
    )
    after = {record.digest for record in discover.at_path(new.path)}
    typer.echo(f"{name} is the same as before" if before == after else f"updated {name}")


@app.command(cls=PlainCommand, short_help="Remove an installed plugin.")
def remove(name: NameArgument) -> None:
    """Remove a plugin that `install` put there; the project's, if both have it."""
    from stormdb.plugins import store

    one = store.find(name)
    store.remove(one)
    typer.echo(f"removed {one.name} from {one.folder.parent}")


@app.command("lock", cls=PlainCommand, short_help="Write down what the plugins are.")
def lock_(
    config: ConfigFlag = None,
    plugin: PluginFlag = None,
    plugin_path: FolderFlag = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]KEY",
            help="Ask for a minisign signature by this public key, or .pub file: of each plugin, "
            "or of the one of that name; repeatable.",
        ),
    ] = None,
) -> None:
    """Write stormdb.lock: the sha256 of each plugin's files, and of each package that it needs.

    It lies beside the configuration, or in the current folder, and belongs into version control.
    `stormdb run --locked` refuses whatever differs from it. No code of a plugin runs. A signature
    that the lock asks for, FILE.minisig beside the plugin's file, is checked now and by each such
    run; a later lock asks for it too.

    \b
    stormdb plugins lock
    stormdb plugins lock -c stormdb.yaml --trust orders=author.pub
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines
    from stormdb.cli.catalog import find_plugins
    from stormdb.plugins.lock import write_lock
    from stormdb.plugins.signatures import parse_trust

    trusted = parse_trust(trust) if trust else {}
    catalog = find_plugins(config, plugin, plugin_path)
    folder = config.parent if config else Path()
    lock = run_coroutine(write_lock(catalog.plugins, folder, trusted=trusted))
    for one in lock.plugins:
        signed = f", signed by {one['signed_by']}" if one["signed_by"] else ""
        typer.echo(f"{one['name']}  sha256 {one['sha256'][:12]}{signed}")
    typer.echo(f"wrote {lock.file}")


@app.command(cls=PlainCommand, short_help="Build a wheel, the same bytes each time.")
def build(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A project with a pyproject.toml.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where to put the wheel.")
    ] = Path("dist"),
    find_links: WheelsFlag = "",
) -> None:
    """Build a wheel of a project: by its own build backend, the same bytes each time.

    Its times are those of SOURCE_DATE_EPOCH, or 1980-01-01; the plugin's [tool.stormdb] goes with
    it.
    """
    from stormdb.plugins.build import build_wheel

    typer.echo(run_coroutine(build_wheel(folder, out, wheels=find_links)))


@app.command(cls=PlainCommand, short_help="Remove environments that are not used.")
def gc(
    unused_for: Annotated[
        str,
        typer.Option(metavar="TIME", help="Keep what a run has used in this time; 0s for nothing."),
    ] = "720h",
) -> None:
    """Remove the environments of plugins, and unpacked archives, that no run has used for long.

    Nothing is lost by it: what is needed again is made again.
    """
    from stormdb.plugins import environments
    from stormdb.units import parse_duration

    count = total = 0
    for folder, size in environments.collect(parse_duration(unused_for) / 1e9):
        typer.echo(folder)
        count, total = count + 1, total + size
    typer.echo(f"removed {count} folders, {total / 1e6:.1f} MB")

"""The root command: its short form, and its subcommands, each imported when it is used."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["print_version", "root"]


class _Subcommand(TyperCommand):
    """Stands for a subcommand in lists until it is used.

    Args:
        name: of the command; `stormdb.cli.<name>` has it as `app`, with `_` for `-`.
        help: its line in the list of commands.
    """

    def __init__(self, name: str, help: str) -> None:  # noqa: A002 - typer's word
        super().__init__(name, help=help, callback=None)
        self._module = f"stormdb.cli.{name.replace('-', '_')}"

    def load(self) -> Any:
        """The command itself."""
        return typer.main.get_command(importlib.import_module(self._module).app)


_SUBCOMMANDS = (
    _Subcommand("run", "Put load on a server and report. The default command."),
    _Subcommand("cleanup", "Drop the schema that a workload's setup made."),
    _Subcommand("workloads", "List workload types."),
    _Subcommand("plugins", "Write, list, inspect, check and test plugins."),
    _Subcommand("explain", "Show what a workload's described transactions do."),
    _Subcommand("config", "Check configuration files, print their schema."),
    _Subcommand("server", "Start an embedded PostgreSQL to try things by hand."),
    _Subcommand("calibrate", "Measure what this machine's load generator can reach."),
    _Subcommand("serve-null", "Serve canned answers: PostgreSQL that takes no time."),
    _Subcommand("version", "Print the version."),
)


class _Root(TyperGroup):
    """`stormdb -c FILE …` is `stormdb run -c FILE …`: flags without a command mean `run`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {name for option in self.get_params(ctx) for name in option.opts}
        if not args:
            args = ["--help"]
        elif args[0].startswith("-") and args[0].partition("=")[0] not in own:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, _Subcommand) else command, rest


def print_version(is_wanted: bool) -> None:
    """Print the version and end, if that is wanted."""
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"stormdb {version('stormdb')}")
        raise typer.Exit


def _root(
    _: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Load, measure and understand a PostgreSQL server.

    \b
    stormdb run quickstart                  a first run, on a server that stormdb starts itself
    stormdb -c stormdb.yaml --setup         make the data, then run what the file describes
    stormdb -c stormdb.yaml                 run again on the same data
    stormdb -c stormdb.yaml --rebuild       drop the data, make it anew, run
    stormdb cleanup -c stormdb.yaml         drop the data
    stormdb workloads list                  what can be run

    `stormdb -c FILE …` is short for `stormdb run -c FILE …`; `stormdb run --help` lists its flags.
    """  # noqa: D301 - it is a backspace, which keeps typer from filling the lines


_app = typer.Typer(
    cls=_Root,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_app.callback()(_root)
root = typer.main.get_command(_app)
assert isinstance(root, TyperGroup)
for _subcommand in _SUBCOMMANDS:
    root.add_command(_subcommand)

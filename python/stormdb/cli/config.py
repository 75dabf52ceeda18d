"""`stormdb config check` and `stormdb config schema`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stormdb.cli.grouped import PlainCommand

if TYPE_CHECKING:
    from stormdb.config import Problem, RunConfig

__all__ = ["app"]

_CHOSEN = {"seed", "processes", "threads"}

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def _config() -> None:
    """Check configuration files, print their schema."""


@app.command(cls=PlainCommand)
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report every problem of a configuration file, or what it sets.

    Needs no server and loads no plugin: the keys below workload_config are checked by a run.
    Exits with 1 if there is a problem.
    """
    from stormdb.config import ConfigProblemsError, load

    try:
        config = load(file)
    except ConfigProblemsError as error:
        _print_problems(file, error.problems, as_json)
        raise typer.Exit(error.exit_code) from None
    if as_json:
        _print_json(
            {
                "file": str(file),
                "ok": True,
                "notices": list(config.notices),
                "values": config.public(),
            }
        )
        return
    for notice in config.notices:
        typer.echo(f"{file}: {notice}", err=True)
    typer.echo(f"{file}: ok")
    for key, value in _changed(config):
        typer.echo(f"  {key}: {value}")


@app.command(cls=PlainCommand)
def schema() -> None:
    """Print the JSON schema of the configuration file, for editors."""
    from stormdb.config.schema import json_schema

    _print_json(json_schema())


def _print_problems(file: Path, problems: tuple[Problem, ...], as_json: bool) -> None:
    if not as_json:
        for problem in problems:
            typer.echo(str(problem), err=True)
        return
    rows = [
        {
            "source": problem.origin.source if problem.origin else None,
            "line": problem.origin.line if problem.origin else None,
            "key": problem.key,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]
    _print_json({"file": str(file), "ok": False, "problems": rows})


def _changed(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Keys that were given or whose value is not the default, with the value as in a file."""
    values = config.public()
    workloads = values.pop("workloads", {})
    yield from _changed_of(config, values)
    for name, own in workloads.items():
        for key, value in _changed_of(config.by_name[name], own):
            yield f"workloads.{name}.{key}", value


def _changed_of(config: RunConfig, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    from stormdb.config.schema import default_values

    defaults = dict(_flat(default_values()))
    for key, value in _flat(values):
        # Some are chosen for each run and machine.
        if config.is_given(key) or (value != defaults.get(key) and key not in _CHOSEN):
            yield key, value


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    import json

    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            is_plain = isinstance(value, str) and value
            yield f"{above}{name}", value if is_plain else json.dumps(value, ensure_ascii=False)


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))

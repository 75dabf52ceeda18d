"""Flags in groups: typer sees fields, the command gets dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest
import typer

from stormdb.cli.grouped import FlagGroup, GroupedCommand, grouped
from stormdb.cli.outcome import exit_code_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Fruit(FlagGroup):
    """What to eat."""

    title: ClassVar[str] = "Fruit"

    name: Annotated[str | None, typer.Argument(metavar="FRUIT", help="Which.")] = None
    count: Annotated[int, typer.Option("--count", "-n", metavar="N", help="How many.")] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(FlagGroup):
    """Where to eat."""

    title: ClassVar[str] = "Place"

    garden: Annotated[bool, typer.Option("--garden", help="Outside.")] = False


def command() -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, add_completion=False)

    @app.command(cls=GroupedCommand)
    @grouped
    def eat(fruit: Fruit, place: Place) -> int:
        """Eat something."""
        typer.echo(f"{fruit.count} {fruit.name} {'outside' if place.garden else 'inside'}")
        return fruit.count

    return app


def run(*words: str) -> int:
    return exit_code_of(typer.main.get_command(command()), list(words))


def test_a_command_gets_its_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plum", "-n", "3", "--garden") == 3
    assert capsys.readouterr().out == "3 plum outside\n"


def test_defaults_are_those_of_the_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 1
    assert capsys.readouterr().out == "1 None inside\n"


def test_the_help_has_a_section_for_each_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    out = capsys.readouterr().out
    assert "Eat something." in out
    fruit, place = out.index("Fruit:"), out.index("Place:")
    assert fruit < out.index("FRUIT ", fruit) < out.index("-n, --count N", fruit) < place
    assert place < out.index("--garden", place) < out.index("Other:", place)
    assert "<" not in out

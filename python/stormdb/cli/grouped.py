"""Commands whose help reads well; some take their flags in groups, each a section of the help."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, ClassVar, get_type_hints

from typer.core import TyperCommand

__all__ = ["FlagGroup", "GroupedCommand", "PlainCommand", "grouped"]


class FlagGroup:
    """A dataclass whose fields are annotated with `typer.Option` or `typer.Argument`.

    Attributes:
        title: heading of its section in the help.
    """

    title: ClassVar[str]


class PlainCommand(TyperCommand):
    """A command whose help shows metavars, not the types of Python."""

    section_of_options: ClassVar[str] = "Options"

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """`FILE` for an argument that must be given, as everywhere."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections in the order of the command's parameters."""
        sections: dict[str, list[tuple[str, str]]] = {}
        params: list[Any] = self.get_params(ctx)
        for param in params:
            record = param.get_help_record(ctx)
            if record is None:
                continue
            names, text = record
            title = self.section_of_options
            if param.param_type_name == "argument":
                names, title = param.metavar, "Arguments"
            elif param.metavar:
                names = names.replace(param.display_type(ctx), param.metavar)
            title = getattr(param, "rich_help_panel", None) or title
            sections.setdefault(title, []).append((names, text))
        for title, rows in sections.items():
            with formatter.section(title):
                formatter.write_dl(rows)


class GroupedCommand(PlainCommand):
    """A command whose help has a section for each group of flags, and one for what is left."""

    section_of_options = "Other"


def grouped(command: Callable[..., int]) -> Callable[..., int]:
    """Let typer see the fields of a command's `FlagGroup` parameters as its parameters.

    Args:
        command: a function whose every parameter is annotated with a `FlagGroup`.
    """
    groups = get_type_hints(command)
    groups.pop("return")
    parameters = [
        _parameter(name, annotation, group)
        for group in groups.values()
        for name, annotation in get_type_hints(group, include_extras=True).items()
        if name != "title"
    ]

    def run(**values: Any) -> int:
        return command(
            **{
                parameter: group(**{field.name: values[field.name] for field in fields(group)})
                for parameter, group in groups.items()
            }
        )

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _parameter(name: str, annotation: Any, group: Any) -> inspect.Parameter:
    for metadata in annotation.__metadata__:
        metadata.rich_help_panel = group.title
    default = next(field.default for field in fields(group) if field.name == name)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )

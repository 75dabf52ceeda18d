"""Flags that were not given cost nothing; typer alone would import pydantic for each of them."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperOption

__all__ = ["pass_unasked"]


def pass_unasked() -> None:
    """Let typer convert what was given, and nothing else; saves a third of a light command's time.

    Typer 0.29 makes a pydantic adapter for each parameter of a command before it looks whether it
    has a value.
    """
    for kind in (TyperOption, TyperArgument):
        kind.process_value = _process_value  # type: ignore[assignment, method-assign]


_convert: Any = TyperOption.process_value


def _process_value(param: Any, ctx: Any, value: Any) -> Any:
    if value is not None or param.required:
        return _convert(param, ctx, value)
    value = () if param.multiple or param.nargs == -1 else None
    return param.callback(ctx, param, value) if param.callback else value

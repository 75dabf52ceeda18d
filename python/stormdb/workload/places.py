"""Where the author's code is: the place that steps carry and that errors name."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePath
from types import FrameType, FunctionType

from stormdb.errors import ProgramError

__all__ = ["here", "of_class", "of_function", "problem", "written_at"]

_OWN_FOLDER = str(Path(__file__).parent) + os.sep
_written: ContextVar[str | None] = ContextVar("written", default=None)


@contextmanager
def written_at(place: str) -> Iterator[None]:
    """Name a place in what is no Python, such as a line of a script, for steps and errors."""
    token = _written.set(place)
    try:
        yield
    finally:
        _written.reset(token)


def here() -> str:
    """File and line of the innermost code outside of this package, or of the script."""
    if (place := _written.get()) is not None:
        return place
    frame: FrameType | None = inspect.currentframe()
    while frame and frame.f_back and frame.f_code.co_filename.startswith(_OWN_FOLDER):
        frame = frame.f_back
    assert frame
    return f"{_short(frame.f_code.co_filename, frame.f_globals.get('__name__'))}:{frame.f_lineno}"


def of_function(function: FunctionType) -> str:
    """File and first line of a function."""
    code = function.__code__
    return f"{_short(code.co_filename, function.__module__)}:{code.co_firstlineno}"


def of_class(class_: type) -> str:
    """File and first line of a class; its name where there is no source."""
    try:
        file = inspect.getsourcefile(class_) or "?"
        line = inspect.getsourcelines(class_)[1]
    except (OSError, TypeError):
        return class_.__qualname__
    return f"{_short(file, class_.__module__)}:{line}"


def _short(file: str, module: object) -> str:
    """A file from its topmost package on: the same wherever the plugin lies."""
    path = PurePath(file)
    depth = len(str(module).split(".")) + (path.name == "__init__.py")
    return "/".join(path.parts[-depth:])


def problem(message: str, *, hint: str | None = None, where: str | None = None) -> ProgramError:
    """The error for what the author wrote, at the place where it stands.

    Args:
        message: what is wrong.
        hint: the way out.
        where: the place; None for the line that is being executed.
    """
    return ProgramError(message, where=where or here(), hint=hint)

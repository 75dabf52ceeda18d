"""Where in plugin code something is or was: in frames, tracebacks, coroutines and crash dumps."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Any

__all__ = ["Place", "of_coroutine", "of_dump", "of_frame", "of_function", "of_traceback"]

Place = dict[str, Any]
"""`file`, `line`, `function` and the source `text`, as it travels from the child."""

_DUMP_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)


def _place(file: str, line: int, function: str) -> Place:
    text = linecache.getline(file, line).strip()
    return {"file": file, "line": line, "function": function, "text": text}


def _is_inside(file: str, roots: Sequence[str]) -> bool:
    return any(file == root or file.startswith(root + "/") for root in roots)


def _innermost(steps: Iterable[tuple[CodeType, int]], roots: Sequence[str]) -> Place | None:
    """The last of the steps, outermost first, that lies in plugin code."""
    found = None
    for code, line in steps:
        if _is_inside(code.co_filename, roots):
            found = code, line
    return _place(found[0].co_filename, found[1], found[0].co_qualname) if found else None


def of_function(function: object) -> Place | None:
    """The first line of a function."""
    code = getattr(function, "__code__", None)
    return _place(code.co_filename, code.co_firstlineno, code.co_qualname) if code else None


def of_frame(frame: FrameType | None, roots: Sequence[str]) -> Place | None:
    """The innermost plugin frame of a running stack."""
    while frame:
        if _is_inside(frame.f_code.co_filename, roots):
            return _place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname)
        frame = frame.f_back
    return None


def of_traceback(traceback: TracebackType | None, roots: Sequence[str]) -> Place | None:
    """The innermost plugin frame of a traceback."""

    def steps() -> Iterator[tuple[CodeType, int]]:
        at = traceback
        while at:
            yield at.tb_frame.f_code, at.tb_lineno
            at = at.tb_next

    return _innermost(steps(), roots)


def of_coroutine(coroutine: Any, roots: Sequence[str]) -> Place | None:
    """The innermost plugin frame among a suspended coroutine and those that it awaits."""

    def steps() -> Iterator[tuple[CodeType, int]]:
        at = coroutine
        while at is not None:
            frame = getattr(at, "cr_frame", None)
            if frame is not None:
                yield frame.f_code, frame.f_lineno
            at = getattr(at, "cr_await", None)

    return _innermost(steps(), roots)


def of_dump(dump: str, roots: Sequence[str]) -> Place | None:
    """The innermost plugin frame that `faulthandler` wrote down."""
    for file, line, function in _DUMP_FRAME.findall(dump):
        if _is_inside(file, roots):
            return _place(file, int(line), function)
    return None

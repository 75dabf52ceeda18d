"""`TraceFile`: recorded arrivals, read with the configuration so that mistakes show at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import InstanceOf, PlainSerializer, WithJsonSchema

from stormdb._native import Trace
from stormdb.config.fields import Kind, problem, shown

__all__ = ["TraceFile", "TracePath", "read_trace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFile:
    """A file of arrivals and what is in it.

    Attributes:
        path: where it is.
        trace: its arrivals, at the speed at which they are played.
        digest: `sha256:` and 64 hexadecimal digits over the file.
    """

    path: str
    trace: Trace
    digest: str


def read_trace(path: object, micro_speed: int) -> TraceFile:
    """Read a file of arrivals.

    Args:
        path: where it is.
        micro_speed: how much faster than recorded it is played, in millionths.

    Raises:
        PydanticCustomError: it cannot be read, or a line of it cannot be used.
    """
    if not isinstance(path, str):
        raise problem(f"{shown(path)} is not a path", "name a file with one time per line")
    try:
        content = Path(path).expanduser().read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise problem(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
            "name a file with one time per line",
        ) from None
    except UnicodeDecodeError as error:
        raise problem(
            f"{path} is not a text: byte {error.start} is not UTF-8", "write one time per line"
        ) from None
    try:
        trace = Trace.parse(path, text, micro_speed=micro_speed)
    except ValueError as error:
        message, _, hint = str(error).partition("; hint: ")
        raise problem(message, hint) from None
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return TraceFile(path=path, trace=trace, digest=digest)


def _path(file: Any) -> str:
    return str(file.path)


TracePath = Annotated[
    InstanceOf[TraceFile],
    PlainSerializer(_path),
    Kind("path"),
    WithJsonSchema({"type": "string"}),
]
"""A `TraceFile`; its path in a file."""

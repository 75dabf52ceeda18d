"""Writes a report's file whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from stormdb.errors import StoreError

__all__ = ["STDOUT", "write_whole"]

STDOUT = "-"


def write_whole(path: str | Path, parts: Iterable[bytes]) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Args:
        path: where to; `-` is standard output. A pipe or a device is written as it is.
        parts: the content.

    Raises:
        StoreError: it cannot be written; a file that was there is still there.
    """
    # A symbolic link stays one: its target is replaced.
    target = Path(os.path.realpath(path))
    try:
        if str(path) == STDOUT:
            sys.stdout.buffer.writelines(parts)
            sys.stdout.buffer.flush()
            return
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                file.writelines(parts)
            return
        _replace(target, parts)
    except OSError as error:
        raise StoreError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(path),
            hint="name a file in a folder that exists, may be written to and has room",
        ) from error


def _replace(target: Path, parts: Iterable[bytes]) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            file.writelines(parts)
            file.flush()
            # A full disk may show only here.
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise

"""What identifies a plugin's code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["digest", "file_digests"]


def digest(paths: Iterable[Path]) -> str:
    """sha256 over files and folders: the same for the same names and contents, wherever they lie.

    Folders count with all that is in them, except what Python, version control and tools put
    there: names that start with a dot, `__pycache__`, compiled modules.
    """
    total = hashlib.sha256()
    for name, content in _contents(paths):
        total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()


def file_digests(paths: Iterable[Path]) -> dict[str, str]:
    """sha256 of each file that counts, by its name."""
    return dict(_contents(paths))


def _contents(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        for name, file in _files(path):
            yield name, hashlib.sha256(file.read_bytes()).hexdigest()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield path.name, path
        return
    for child in sorted(path.iterdir(), key=lambda child: child.name):
        if child.name.startswith(".") or child.name == "__pycache__" or child.suffix == ".pyc":
            continue
        if child.is_symlink() and not child.is_file():
            continue  # a folder elsewhere, perhaps one above, or nothing
        for name, file in _files(child):
            yield f"{path.name}/{name}", file

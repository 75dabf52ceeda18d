"""Imports a plugin's own modules from their source, which its digest covers; runs in the child."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from types import CodeType, ModuleType

__all__ = ["OwnSource", "import_from_source"]


class OwnSource(SourceFileLoader):
    """Compiles the source at each start.

    What was compiled earlier may lie beside it and be another program: digests leave it out,
    because Python writes it as it likes.
    """

    def get_code(self, fullname: str) -> CodeType:
        """The module's code, whatever `__pycache__` holds."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _Finder:
    """Finds modules as Python does, and has those below the roots loaded by `OwnSource`."""

    def __init__(self, roots: Sequence[str]) -> None:
        self._roots = [Path(root) for root in roots]

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not spec.origin or not self._is_own(Path(spec.origin)):
            return spec
        if isinstance(spec.loader, SourcelessFileLoader):
            raise ImportError(
                f"{spec.origin} has no source beside it, so no digest covers it", name=name
            )
        if isinstance(spec.loader, SourceFileLoader):
            spec.loader = OwnSource(name, spec.origin)
        return spec

    def _is_own(self, file: Path) -> bool:
        return any(file.is_relative_to(root) for root in self._roots)


def import_from_source(roots: Sequence[str]) -> None:
    """From now on, import what lies below these files and folders from source alone."""
    finder = _Finder(roots)
    # Behind the finders of built-in and frozen modules, in front of the one for files.
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)

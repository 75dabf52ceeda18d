"""Makes a new plugin from a template.

A template is a plugin that works as it is; its name is replaced by the new one. Files are layered:
those of `package` lie below those of each template that makes a package.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import keyword
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from stormdb.errors import ConfigError, StoreError

__all__ = ["TEMPLATES", "create"]

_FOLDER = Path(__file__).with_name("templates")
TEMPLATES = {
    "native": ("package", "native"),
    "coroutine": ("package", "coroutine"),
    "pgbench-script": ("package", "pgbench-script"),
    "minimal-file": ("minimal-file",),
}
"""Each template and the folders that its files come from, later ones above earlier ones."""
_HIDDEN = "dot-"
"""A file that begins with it begins with a dot where it is made: tools leave ours alone."""


def create(name: str, template: str, folder: Path) -> list[Path]:
    """Write the files of a new plugin.

    Args:
        name: of the plugin: lower-case letters, digits, `-` and `_`.
        template: one of `TEMPLATES`.
        folder: where a package's folder or a single file is made.

    Returns:
        The files that were written.

    Raises:
        ConfigError: the name cannot be used, or a file exists already.
        StoreError: a file cannot be written.
    """
    words = _words(name)
    target = folder if template == "minimal-file" else folder / name
    files = {
        target / _renamed(path, words): _replaced(source.read_text(encoding="utf-8"), words)
        for path, source in _sources(template).items()
    }
    _refuse_existing(files)
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:  # x: never over what is there
                file.write(text)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    return list(files)


def _words(name: str) -> dict[str, str]:
    """What stands for the template's names: in code, in class names, in that of the package."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name):
        raise ConfigError(
            f"{name!r} cannot be the name of a plugin",
            where="NAME",
            hint="begin with a letter, and use a-z, 0-9, - and _ alone, such as job-queue",
        )
    module = name.replace("-", "_")
    if keyword.iskeyword(module) or _is_importable(module) or _is_built_in(module):
        raise ConfigError(
            f"{module} is the name of something else in Python or in stormdb",
            where="NAME",
            hint=f"take another one, such as {name}-load",
        )
    return {
        "my_plugin": module,
        "MyPlugin": "".join(word.capitalize() for word in module.split("_")),
        "my-plugin": module.replace("_", "-"),
    }


def _is_importable(module: str) -> bool:
    """Whether Python or an installed package has it; a mere folder of that name does not count."""
    if module in sys.stdlib_module_names:
        return True
    found = importlib.machinery.PathFinder.find_spec(module)
    return found is not None and found.origin is not None


def _is_built_in(module: str) -> bool:
    return importlib.util.find_spec(f"stormdb.workloads.{module}") is not None


def _sources(template: str) -> dict[Path, Path]:
    """The template's files by their path below the new plugin's folder."""
    return {
        path.relative_to(layer): path
        for layer in (_FOLDER / folder for folder in TEMPLATES[template])
        for path in sorted(layer.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }


def _renamed(path: Path, words: dict[str, str]) -> Path:
    return Path(*(re.sub(f"^{_HIDDEN}", ".", _replaced(part, words)) for part in path.parts))


def _replaced(text: str, words: dict[str, str]) -> str:
    return re.sub("|".join(words), lambda found: words[found[0]], text)


def _refuse_existing(paths: Iterable[Path]) -> None:
    existing = [str(path) for path in paths if path.exists()]
    if existing:
        raise ConfigError(
            f"{', '.join(existing)} {'exists' if len(existing) == 1 else 'exist'} already",
            hint="nothing is overwritten: take another name, or another folder",
        )

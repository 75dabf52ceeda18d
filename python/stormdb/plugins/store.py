"""Plugins that were installed for a user or a project: kept in a folder of their own.

`FOLDER/NAME/plugin.json` says where a plugin came from, `FOLDER/NAME/content` holds it. stormdb's
own environment is never written to. Who installs a plugin confirms it: the user's own folder keeps
its digest, since a folder of a project may come from somebody else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stormdb.errors import ConfigError, PluginError
from stormdb.plugins import signatures

__all__ = [
    "Installed",
    "find",
    "install",
    "installed",
    "is_confirmed",
    "project_folder",
    "remove",
    "user_folder",
]

_FACTS = "plugin.json"
# What an installer leaves beside the files of a distribution: it names this machine and this day.
_TRACES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A plugin in the store.

    Attributes:
        name: under which it is kept.
        folder: what is removed with it.
        origin: what it was installed from: a path, a requirement or a URL.
        path: its file or folder.
    """

    name: str
    folder: Path
    origin: str
    path: Path


def user_folder() -> Path:
    """`$XDG_DATA_HOME/stormdb/plugins`, by default below `~/.local/share`."""
    home = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(home) / "stormdb" / "plugins"


def project_folder() -> Path:
    """`.stormdb/plugins` in the current folder."""
    return Path(".stormdb/plugins").absolute()


def installed() -> Iterator[Installed]:
    """The plugins of the project, then those of the user that the project has none for."""
    seen: set[str] = set()
    for store in (project_folder(), user_folder()):
        for facts in sorted(store.glob(f"*/{_FACTS}")):
            folder = facts.parent
            path = _content_of(folder)
            if folder.name not in seen and path:
                seen.add(folder.name)
                yield Installed(
                    name=folder.name, folder=folder, origin=_origin_in(facts), path=path
                )


def _origin_in(facts: Path) -> str:
    """What was written down at the installation; a damaged file hinders nobody from removing it."""
    try:
        return str(json.loads(facts.read_text(encoding="utf-8"))["from"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"what {facts} does not tell"


def _content_of(folder: Path) -> Path | None:
    """The file or folder that is kept there, perhaps with its signature beside it."""
    content = [
        path
        for path in (folder / "content").glob("*")
        if path.name[0] != "."
        and path.suffix != signatures.SUFFIX
        and path.name != "__pycache__"  # Python's, from an earlier run
    ]
    return content[0] if len(content) == 1 else None


def find(name: str) -> Installed:
    """The installed plugin of a name.

    Raises:
        ConfigError: there is none.
    """
    known = {one.name: one for one in installed()}
    if name not in known:
        raise ConfigError(
            f"there is no installed plugin {name}",
            hint=f"installed are {', '.join(known)}" if known else "none is installed",
        )
    return known[name]


def remove(one: Installed) -> None:
    """Remove an installed plugin; what it held is confirmed no more."""
    for file in _confirmations(one.path):
        file.unlink(missing_ok=True)
    shutil.rmtree(one.folder)


def is_confirmed(digest: str) -> bool:
    """Whether this user has installed a plugin whose files have this digest, anywhere."""
    return bool(digest) and (_confirmed_folder() / digest).is_file()


def _confirm(path: Path) -> None:
    for file in _confirmations(path):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def _confirmed_folder() -> Path:
    return user_folder().with_name("confirmed")


def _confirmations(path: Path) -> list[Path]:
    """The files, empty ones, that confirm the plugins at a path."""
    from stormdb.plugins import discover

    digests = {record.digest for record in discover.at_path(path)} - {""}
    return [_confirmed_folder() / digest for digest in digests]


async def install(
    origin: str, store: Path, *, wheels: str = "", instead_of: Installed | None = None
) -> Installed:
    """Put a plugin into a store; none of its code runs, but a build of its own may.

    Args:
        origin: a file, a folder, a wheel, a zip, a requirement such as `my-plugin>=1`, or a URL
            such as `git+https://…`.
        store: `user_folder()` or `project_folder()`.
        wheels: folder that a requirement is taken from; "" for a package index.
        instead_of: the plugin that this one replaces.

    Raises:
        ConfigError: one of this name is installed already.
        PluginError: there is no usable plugin.
    """
    temporary = _stage(store)
    try:
        content = temporary / "content"
        if not _copy(origin, content):
            await _get(origin, content, wheels)
        return _place(temporary, origin, store, instead_of)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _stage(store: Path) -> Path:
    store.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=store, prefix=".new-"))
    (temporary / "content").mkdir()
    return temporary


def _place(temporary: Path, origin: str, store: Path, instead_of: Installed | None) -> Installed:
    """Check what was got and move it to where it is found."""
    if Path(origin).exists():
        origin = str(Path(origin).resolve())
    content = _content_of(temporary)
    if content is None:
        raise PluginError(f"{origin} holds no plugin")
    name = _name(content, origin)
    (temporary / _FACTS).write_text(json.dumps({"from": origin}), encoding="utf-8")
    folder = instead_of.folder if instead_of else store / name
    if instead_of:
        remove(instead_of)
    elif folder.exists():
        raise ConfigError(
            f"plugin {name} is installed already in {folder}",
            hint=f"stormdb plugins update {name}, or remove it first",
        )
    temporary.rename(folder)
    path = folder / "content" / content.name
    _confirm(path)
    return Installed(name=folder.name, folder=folder, origin=origin, path=path)


def _copy(origin: str, content: Path) -> bool:
    """Copy a file with its signature, or a folder without what tools leave in it.

    Returns:
        whether there is one.
    """
    path = Path(origin).resolve()
    if path.is_dir():
        ignored = shutil.ignore_patterns(".*", "__pycache__", "*.pyc")
        shutil.copytree(path, content / path.name, ignore=ignored, ignore_dangling_symlinks=True)
    elif path.exists():
        for file in (path, path.with_name(path.name + signatures.SUFFIX)):
            if file.exists():
                shutil.copy2(file, content)
    return path.exists()


async def _get(origin: str, content: Path, wheels: str) -> None:
    """Let uv get a distribution, without the packages that it needs."""
    from stormdb.plugins.uv import packages_from, run_uv

    _check_origin(origin)
    target = content / "distribution"
    await run_uv(
        *(
            "pip",
            "install",
            "--target",
            str(target),
            "--no-deps",
            "--refresh",
            *packages_from(wheels),
        ),
        *("--", origin),
        what=f"{origin} cannot be had",
    )
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(target / "bin")
    (target / ".lock").unlink(missing_ok=True)
    for information in target.glob("*.dist-info"):
        for name in _TRACES:
            (information / name).unlink(missing_ok=True)


def _check_origin(origin: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    if "://" in origin:
        return
    try:
        Requirement(origin)
    except InvalidRequirement:
        raise ConfigError(
            f"{origin} is no file or folder that exists, no package name and no URL",
            hint="name a .py file, a folder, a wheel, a zip, a package such as my-plugin>=1, or "
            "git+https://…",
        ) from None


def _name(path: Path, origin: str) -> str:
    """The name of the one plugin at a path.

    Raises:
        PluginError: it cannot be used.
    """
    from stormdb.plugins import discover

    for record in discover.at_path(path):
        if record.problem:
            raise PluginError(
                f"{origin} is not installed: {record.problem.message}", hint=record.problem.hint
            )
        return record.name
    raise PluginError(f"{origin} holds no plugin")

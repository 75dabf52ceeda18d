"""Finds plugins without running any of their code."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from dataclasses import replace
from email.parser import HeaderParser
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdb.errors import ConfigError, PluginError
from stormdb.plugin.metadata import MetadataError, PluginMetadata
from stormdb.plugins import cache, environments, foreign, store
from stormdb.plugins.access import AccessError, declared_access
from stormdb.plugins.digest import digest
from stormdb.plugins.manifest import declared_problem
from stormdb.plugins.record import EntryPoint, Kind, PluginRecord

if TYPE_CHECKING:
    from stormdb.plugins.settings import Settings

__all__ = ["ABOUT_FILE", "GROUP", "at_path", "builtin", "configured", "installed", "stored"]

GROUP = "stormdb.plugins"
ABOUT_FILE = "stormdb.json"
"""In the `.dist-info` of a wheel: the metadata of its plugin."""
_LIBRARIES = {".so", ".dll", ".dylib"}
_SCRIPT_BLOCK = re.compile(r"^# /// script\s*$\n((?:^#(?: .*)?$\n)+?)^# ///\s*$", re.MULTILINE)


def builtin() -> Iterator[PluginRecord]:
    """The plugins that stormdb brings: the folders of `stormdb.workloads`."""
    spec = importlib.util.find_spec("stormdb.workloads")
    assert spec
    for folder in sorted(Path(path) for path in spec.submodule_search_locations or ()):
        for child in sorted(folder.iterdir()):
            if (child / "__init__.py").is_file():
                module = f"stormdb.workloads.{child.name}"
                yield PluginRecord(
                    name=child.name,
                    kind=Kind.BUILTIN,
                    source=module,
                    entry=EntryPoint(module=module, roots=(str(child),)),
                    digest=digest([child]),
                )


def installed() -> Iterator[PluginRecord]:
    """Plugins of the installed distributions."""
    for point in entry_points(group=GROUP):
        top = point.module.partition(".")[0]
        name = f"{point.dist.name} {point.dist.version}" if point.dist else top
        record = PluginRecord(name=point.name, kind=Kind.DISTRIBUTION, source=name)
        spec = importlib.util.find_spec(top)
        if spec is None or not (spec.submodule_search_locations or spec.origin):
            yield _broken(
                record,
                f"names the module {point.module} in its entry point, which is not there",
                "install the distribution again",
            )
            continue
        roots = [Path(path) for path in spec.submodule_search_locations or [spec.origin or ""]]
        table = _built_in(point.dist.read_text(ABOUT_FILE) if point.dist else None)
        yield replace(
            _with_access(_checked(record, _asked(table)), table, roots[0].parent),
            entry=EntryPoint(
                module=point.module,
                attribute=point.attr or "PLUGIN",
                roots=tuple(map(str, roots)),
            ),
            digest=digest(roots),
        )


def stored() -> Iterator[PluginRecord]:
    """The plugins that were installed for the project and for the user."""
    for one in store.installed():
        for record in at_path(one.path):
            yield replace(record, origin=one.origin)


def configured(settings: Settings, where: Callable[[str], str]) -> Iterator[PluginRecord]:
    """The plugins that a configuration names, and those in the folders that it names.

    Args:
        settings: the section `plugins`.
        where: place of a key in the configuration, for messages.

    Raises:
        ConfigError: a file or a folder that was named does not exist.
    """
    for index, text in enumerate(settings.files):
        place = where(f"plugins.files[{index}]")
        if not Path(text).exists():
            raise ConfigError(
                f"there is no file or folder {text}",
                where=place,
                hint="name a .py file, a package folder, a wheel or a zip",
            )
        for record in at_path(Path(text)):
            yield replace(record, config_place=place)
    for index, text in enumerate(settings.paths if settings.auto_load else ()):
        folder = Path(text)
        if folder.is_dir():
            for child in sorted(folder.iterdir()):
                if _may_be_plugin(child):
                    yield from at_path(child)
        elif "paths" in settings.model_fields_set:
            raise ConfigError(
                f"there is no folder {text}",
                where=where(f"plugins.paths[{index}]"),
                hint="plugins.paths holds folders; a single plugin belongs to plugins.files",
            )


def _may_be_plugin(path: Path) -> bool:
    if path.name.startswith((".", "_", "test_")) or path.name == "conftest.py":
        return False
    if path.is_dir():
        return (path / "__init__.py").is_file() or (path / "pyproject.toml").is_file()
    return path.suffix in {".py", ".whl", ".zip", *_LIBRARIES}


def at_path(path: Path) -> Iterator[PluginRecord]:
    """The plugin, or the plugins, in a file or folder that exists."""
    path = path.resolve()
    try:
        yield from _at_path(path)
    except OSError as error:
        record = PluginRecord(name=path.name, kind=Kind.FILE, source=str(path))
        file = record.show(str(error.filename))
        yield _broken(record, f"cannot be read: {file}: {error.strerror}")


def _at_path(path: Path) -> Iterator[PluginRecord]:
    if path.is_dir():
        yield from _in_folder(path)
    elif path.suffix == ".py":
        yield _in_file(path)
    elif path.suffix in {".whl", ".zip"}:
        yield from _in_archive(path)
    elif path.suffix in _LIBRARIES:
        record = PluginRecord(name=path.name, kind=Kind.BINARY, source=str(path))
        yield _broken(record, *foreign.library_problem(path))
    else:
        record = PluginRecord(name=path.name, kind=Kind.FILE, source=str(path))
        yield _broken(
            record,
            "is no Python file, wheel or zip",
            "name a .py file, a package folder, a wheel or a zip",
        )


def _broken(record: PluginRecord, message: str, hint: str | None = None) -> PluginRecord:
    return replace(
        record,
        problem=PluginError(f"plugin {record.name} {message}", where=record.where, hint=hint),
    )


def _in_file(path: Path) -> PluginRecord:
    record = PluginRecord(
        name=path.stem,
        kind=Kind.FILE,
        source=str(path),
        entry=EntryPoint(module=path.stem, file=str(path), roots=(str(path),)),
        digest=digest([path]),
    )
    block = _SCRIPT_BLOCK.search(path.read_text(encoding="utf-8", errors="replace"))
    if not block:
        return record
    text = "".join(line[1:].removeprefix(" ") for line in block[1].splitlines(keepends=True))
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return _broken(record, f"has a script block that is no TOML: {error}")
    return _with_access(_declare(record, table, _asked(table)), table, path.parent)


def _asked(table: dict[str, Any]) -> dict[str, Any] | None:
    """The metadata in `[tool.stormdb]`; None if there are none."""
    about = table.get("tool", {}).get("stormdb", {})
    if not isinstance(about, dict):
        return None
    return {key: value for key, value in about.items() if key != "access"} or None


def _with_access(record: PluginRecord, table: dict[str, Any], folder: Path) -> PluginRecord:
    """The record with what the document that holds its declarations asks for."""
    try:
        return replace(record, access=declared_access(table, folder))
    except AccessError as error:
        return _broken(record, f"asks for what cannot be given in [tool.stormdb]: {error}")


def _declare(
    record: PluginRecord, table: dict[str, Any], about: dict[str, Any] | None
) -> PluginRecord:
    """The record with what a script block or a `[project]` table declares.

    Args:
        record: of the plugin.
        table: has `dependencies` and `requires-python`.
        about: the plugin's metadata, `[tool.stormdb]`; None if they are not declared.
    """
    record = replace(
        record,
        requirements=tuple(map(str, table.get("dependencies", ()))),
        requires_python=str(table.get("requires-python", "")),
    )
    return _checked(record, about)


def _checked(record: PluginRecord, about: dict[str, Any] | None) -> PluginRecord:
    if about is not None:
        try:
            declared = PluginMetadata(**about)
        except (MetadataError, TypeError) as error:
            said = str(error).removeprefix("PluginMetadata.__init__() ")
            return _broken(record, f"has a [tool.stormdb] that cannot be used: {said}")
        record = replace(record, name=declared.name, declared=declared)
    if problem := declared_problem(record):
        return replace(record, problem=problem)
    environment = environments.needed(record.requirements, record.requires_python)
    return replace(record, environment=environment)


def _in_folder(folder: Path) -> Iterator[PluginRecord]:
    if (folder / "pyproject.toml").is_file():
        yield from _in_project(folder)
        return
    if any(folder.glob("*.dist-info")):
        record = PluginRecord(name=folder.name, kind=Kind.WHEEL, source=str(folder))
        yield from _in_wheel(replace(record, digest=digest([folder])), folder)
        return
    record = PluginRecord(name=folder.name, kind=Kind.PACKAGE, source=str(folder))
    start = folder / "__init__.py"
    if not start.is_file():
        yield _broken(
            record,
            "is a folder without __init__.py and without pyproject.toml",
            "give it an __init__.py that exports PLUGIN; to search a folder of plugins, "
            "name it in plugins.paths",
        )
    elif folder.name in sys.stdlib_module_names:
        yield _broken(
            record, "is a package folder with the name of a module of Python", "rename the folder"
        )
    elif not folder.name.isidentifier():
        yield _broken(
            record,
            "is a package folder whose name Python cannot import",
            "rename it to a word of letters, digits and _ that does not start with a digit",
        )
    else:
        yield replace(
            record,
            entry=EntryPoint(module=folder.name, file=str(start), roots=(str(folder),)),
            digest=digest([folder]),
        )


def _in_project(folder: Path) -> Iterator[PluginRecord]:
    record = PluginRecord(name=folder.name, kind=Kind.PROJECT, source=str(folder))
    try:
        table = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        yield _broken(record, f"has a pyproject.toml that is no TOML: {error}")
        return
    project = table.get("project", {})
    about = _asked(table)
    if about is not None and "version" in project:
        about = {"version": project["version"], **about}
    record = _with_access(_declare(record, project, about), table, folder)
    points = project.get("entry-points", {}).get(GROUP, {})
    if not points:
        yield _broken(
            record,
            f"is a project whose pyproject.toml has no entry point of the group {GROUP}",
            f'add [project.entry-points."{GROUP}"] with the line my_plugin = "my_package:PLUGIN"',
        )
    for name, target in points.items():
        named = record if record.declared else replace(record, name=name)
        yield _with_entry(named, target, [folder / "src", folder])


def _with_entry(record: PluginRecord, target: str, folders: list[Path]) -> PluginRecord:
    """The record with an entry point, `my_package.plugin:PLUGIN`, below one of the folders."""
    module, _, attribute = target.partition(":")
    top = module.strip().partition(".")[0]
    for folder in folders:
        for root in (folder / top, folder / f"{top}.py"):
            if root.exists():
                return replace(
                    record,
                    entry=EntryPoint(
                        module=module.strip(),
                        attribute=attribute.strip() or "PLUGIN",
                        search_path=str(folder),
                        roots=(str(root),),
                    ),
                    digest=record.digest or digest([root]),
                )
    return _broken(
        record,
        f"names the module {module} in its entry point, which is not there",
        f"put {top} in one of {', '.join(record.show(str(folder)) for folder in folders)}",
    )


def _in_archive(path: Path) -> Iterator[PluginRecord]:
    kind = Kind.WHEEL if path.suffix == ".whl" else Kind.ZIP
    name = path.name.partition("-")[0] if kind is Kind.WHEEL else path.stem
    record = PluginRecord(name=name, kind=kind, source=str(path), digest=digest([path]))
    if kind is Kind.WHEEL and (problem := foreign.wheel_problem(path)):
        yield _broken(record, *problem)
        return
    try:
        folder = cache.unpack(path, record.digest)
    except ValueError as error:
        yield _broken(record, str(error))
        return
    record = replace(record, unpacked=str(folder))
    if kind is Kind.WHEEL:
        yield from _in_wheel(record, folder)
        return
    inside = [child for child in folder.iterdir() if not child.name.startswith((".", "__"))]
    is_whole = (folder / "__init__.py").exists() or (folder / "pyproject.toml").exists()
    if is_whole or len(inside) != 1:
        yield _broken(
            record,
            f"holds {len(inside)} files and folders at its top",
            "put one .py file or one package or project folder into it",
        )
        return
    for found in _in_folder(inside[0]) if inside[0].is_dir() else [_in_file(inside[0])]:
        yield replace(
            found, kind=kind, source=str(path), digest=record.digest, unpacked=str(folder)
        )


def _in_wheel(record: PluginRecord, folder: Path) -> Iterator[PluginRecord]:
    information = next(folder.glob("*.dist-info"), folder)
    try:
        headers = HeaderParser().parsestr((information / "METADATA").read_text(encoding="utf-8"))
    except OSError:
        yield _broken(record, "is a wheel without METADATA", "build it again")
        return
    about = information / ABOUT_FILE
    table = _built_in(about.read_text(encoding="utf-8") if about.exists() else None)
    record = replace(
        record,
        requirements=tuple(headers.get_all("Requires-Dist", [])),
        requires_python=headers.get("Requires-Python", ""),
    )
    record = _with_access(_checked(record, _asked(table)), table, folder)
    parser = ConfigParser(delimiters=("=",))
    parser.read(information / "entry_points.txt", encoding="utf-8")
    if not parser.has_section(GROUP):
        yield _broken(
            record,
            f"is a wheel without an entry point of the group {GROUP}",
            f'add [project.entry-points."{GROUP}"] to its pyproject.toml and build it again',
        )
        return
    for name, target in parser.items(GROUP):
        named = record if record.declared else replace(record, name=name)
        yield _with_entry(named, target, [folder])


def _built_in(about: str | None) -> dict[str, Any]:
    """What `stormdb plugins build` has put into a wheel, as a pyproject.toml would have it."""
    try:
        return {"tool": {"stormdb": json.loads(about or "{}")}}
    except ValueError:
        return {}

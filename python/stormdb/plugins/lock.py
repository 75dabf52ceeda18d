"""`stormdb.lock`: the plugins and their packages as they were, so that a run can insist on them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdb.errors import ConfigError, PluginError
from stormdb.plugins.digest import file_digests
from stormdb.plugins.record import Kind

if TYPE_CHECKING:
    from stormdb.plugins.environments import Environment
    from stormdb.plugins.record import PluginRecord

__all__ = ["LOCK_FILE", "Lock", "read_lock", "write_lock"]

LOCK_FILE = "stormdb.lock"
_FORMAT = 1
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a lock file holds.

    Attributes:
        file: the file.
        plugins: for each plugin `source`, `sha256`, `files` and `packages`.
    """

    file: Path
    plugins: tuple[dict[str, Any], ...]

    def applied(self, record: PluginRecord) -> PluginRecord:
        """The plugin with its packages pinned, or with the problem that it is another one.

        What stormdb brings itself is as locked as stormdb's version.
        """
        if record.kind is Kind.BUILTIN or record.problem:
            return record
        locked = next((one for one in self.plugins if one["sha256"] == record.digest), None)
        if locked is None:
            return replace(record, problem=self._refusal(record))
        environment = record.environment
        if environment:
            environment = replace(environment, pins=tuple(locked["packages"]))
            if not environment.pins and (environment.requirements or environment.requires_python):
                return replace(record, problem=self._error(record, "its packages are not in it"))
        return replace(record, environment=environment)

    def _refusal(self, record: PluginRecord) -> PluginError:
        source = _source(record, self.file.parent)
        locked = next((one for one in self.plugins if one["source"] == source), None)
        if locked is None:
            return self._error(record, "it is not in it")
        changes = list(_changes(locked["files"], _files(record)))[:_SHOWN]
        what = ", ".join(changes) or f"{record.where} has changed"
        return self._error(
            record,
            f"{what}; sha256 {locked['sha256'][:12]} is locked, {record.digest[:12]} is here",
        )

    def _error(self, record: PluginRecord, what: str) -> PluginError:
        return PluginError(
            f"plugin {record.name} is not what {LOCK_FILE} holds: {what}",
            where=record.where,
            hint="undo the change, or accept it with stormdb plugins lock",
        )


def _changes(before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            yield f"{name} is gone"
        elif name not in before:
            yield f"{name} is new"
        elif before[name] != now[name]:
            yield f"{name} has changed"


def _files(record: PluginRecord) -> dict[str, str]:
    is_archive = record.kind in {Kind.WHEEL, Kind.ZIP} and Path(record.source).is_file()
    roots = (record.source,) if is_archive or not record.entry else record.entry.roots
    return file_digests(map(Path, roots))


def _source(record: PluginRecord, folder: Path) -> str:
    """Where a plugin is, in words that hold for a copy of the project elsewhere."""
    if record.kind is Kind.DISTRIBUTION:
        return record.source.partition(" ")[0]
    path = Path(record.source)
    if record.origin and not path.is_relative_to(folder):
        return f"installed: {record.name}"
    return Path(os.path.relpath(path, folder)).as_posix()


def _file_in(folder: Path) -> Path:
    return folder.resolve() / LOCK_FILE


def read_lock(folder: Path) -> Lock:
    """The lock of a folder.

    Raises:
        ConfigError: there is none, or it cannot be understood.
    """
    file = _file_in(folder)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ConfigError(
                f"has the format {content['format']}, this stormdb reads {_FORMAT}",
                where=str(file),
                hint="make it anew with stormdb plugins lock",
            )
        return Lock(file=file, plugins=tuple(content["plugins"]))
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {LOCK_FILE} in {folder}", hint="make one with stormdb plugins lock"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"is no lock of stormdb: {error}",
            where=str(file),
            hint="make it anew with stormdb plugins lock",
        ) from None


async def write_lock(records: Iterable[PluginRecord], folder: Path) -> Path:
    """Write down the plugins, and the packages that their needs come to today.

    Args:
        records: the plugins; those that stormdb brings are left out.
        folder: where the lock belongs.

    Raises:
        PluginError: a plugin cannot be used, or its packages cannot be had.
    """
    file = _file_in(folder)
    plugins = []
    for record in records:
        if record.kind is Kind.BUILTIN:
            continue
        if record.problem:
            raise record.problem
        pins = await _resolve(record, record.environment) if record.environment else []
        plugins.append(
            {
                "source": _source(record, file.parent),
                "sha256": record.digest,
                "files": _files(record),
                "packages": pins,
            }
        )
    content = {"format": _FORMAT, "plugins": sorted(plugins, key=lambda one: str(one["source"]))}
    _replace(file, json.dumps(content, indent=2) + "\n")
    return file


def _replace(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)


async def _resolve(record: PluginRecord, environment: Environment) -> list[str]:
    """The packages of an environment, each with its version and the digests of its files."""
    from stormdb.plugins import runtime
    from stormdb.plugins.uv import packages_from, run_uv

    requirements, limits = list(environment.requirements), runtime.constraints()
    if environment.requires_python:
        requirements, limits = [*requirements, *map(str, runtime.requirements())], []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(limits))
        constraints.flush()
        listed = await run_uv(
            *("pip", "compile", "-", "--universal", "--generate-hashes", "--no-header"),
            *("--no-annotate", "--constraints", constraints.name),
            *("--python", environment.requires_python or sys.executable),
            *packages_from(environment.wheels),
            what=f"plugin {record.name}: its packages cannot be locked",
            where=record.where,
            stdin="\n".join(requirements),
        )
    lines = listed.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]

"""`stormdb.lock`: the plugins and their packages as they were, so that a run can insist on them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stormdb.errors import ConfigError, PluginError
from stormdb.plugins import signatures
from stormdb.plugins.digest import file_digests
from stormdb.plugins.record import Kind

if TYPE_CHECKING:
    from stormdb.plugins.environments import Environment
    from stormdb.plugins.record import PluginRecord

__all__ = ["LOCK_FILE", "Lock", "read_lock", "write_lock"]

LOCK_FILE = "stormdb.lock"
_FORMAT = 2
_SHOWN = 3
# What cannot be read is not overwritten: it may ask for signatures.
_ANEW = "remove it, then make it anew with stormdb plugins lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a lock file holds.

    Attributes:
        file: the file.
        plugins: for each plugin `name`, `source`, `sha256`, `files`, `packages`, and `signed_by`:
            the public key that must have signed it, "" for none.
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
        if locked["signed_by"]:
            what = signatures.problem_of(Path(record.source), locked["signed_by"])
            if what:
                return replace(record, problem=_unsigned(record, what))
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


def _unsigned(record: PluginRecord, what: str) -> PluginError:
    return PluginError(
        f"plugin {record.name} is not signed as {LOCK_FILE} asks: {what}",
        where=record.where,
        hint=f"get the file and its {signatures.SUFFIX} again from whoever signs the plugin",
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
                hint=_ANEW,
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
            hint=_ANEW,
        ) from None


async def write_lock(
    records: Iterable[PluginRecord],
    folder: Path,
    *,
    trusted: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Lock:
    """Write down the plugins, and the packages that their needs come to today.

    Args:
        records: the plugins; those that stormdb brings are left out.
        folder: where the lock belongs.
        trusted: keys that must have signed a plugin, by its name or "" for all; what an earlier
            lock asks for stays.

    Raises:
        ConfigError: an earlier lock cannot be understood, or a name is no plugin's.
        PluginError: a plugin cannot be used, is not signed, or its packages cannot be had.
    """
    file = _file_in(folder)
    records = [record for record in records if record.kind is not Kind.BUILTIN]
    trusted = _all_trusted(trusted, file, {record.name for record in records})
    plugins = []
    for record in records:
        if record.problem:
            raise record.problem
        signed_by = _signer(record, trusted.get(record.name) or trusted.get("", ()))
        pins = await _resolve(record, record.environment) if record.environment else []
        plugins.append(
            {
                "name": record.name,
                "source": _source(record, file.parent),
                "sha256": record.digest,
                "signed_by": signed_by,
                "files": _files(record),
                "packages": pins,
            }
        )
    plugins.sort(key=lambda one: str(one["source"]))
    _replace(file, json.dumps({"format": _FORMAT, "plugins": plugins}, indent=2) + "\n")
    return Lock(file=file, plugins=tuple(plugins))


def _all_trusted(
    asked: Mapping[str, Sequence[str]], file: Path, names: set[str]
) -> Mapping[str, Sequence[str]]:
    """The keys that are asked for now; without them, those that the earlier lock asks for."""
    if unknown := sorted(asked.keys() - names - {""}):
        raise ConfigError(
            f"there is no plugin {unknown[0]} to lock",
            where="--trust",
            hint=f"there are {', '.join(sorted(names))}" if names else None,
        )
    if "" in asked or not file.exists():
        return asked
    earlier = read_lock(file.parent).plugins
    return {one["name"]: [one["signed_by"]] for one in earlier if one["signed_by"]} | dict(asked)


def _signer(record: PluginRecord, keys: Sequence[str]) -> str:
    """The first of the keys that has signed the plugin; "" if none needs to."""
    problems = []
    for key in keys:
        problem = signatures.problem_of(Path(record.source), key)
        if problem is None:
            return key
        problems.append(problem)
    if problems:
        raise _unsigned(record, "; ".join(dict.fromkeys(problems)))
    return ""


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

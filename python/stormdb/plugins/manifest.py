"""Checks of what a plugin says it needs, against what is there."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib import metadata as distributions
from typing import TYPE_CHECKING, NamedTuple

from stormdb.errors import PluginError
from stormdb.plugin.metadata import API_VERSION

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from stormdb.plugin import PluginMetadata
    from stormdb.plugins.record import PluginRecord

__all__ = ["Need", "declared_problem", "metadata_problem", "server_problems"]


class Need(NamedTuple):
    """Something that a plugin needs and that is not there.

    Attributes:
        message: follows the plugin's name: `needs numpy>=2, which is not installed`.
        hint: how to get it.
    """

    message: str
    hint: str


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _error(record: PluginRecord, needs: Iterable[Need]) -> PluginError | None:
    needs = list(needs)
    if not needs:
        return None
    return PluginError(
        f"plugin {record.name} " + ", and ".join(need.message for need in needs),
        where=record.where,
        hint=", and ".join(need.hint for need in needs),
    )


def declared_problem(record: PluginRecord) -> PluginError | None:
    """What keeps a plugin from being used, by what its files declare; none of its code runs."""
    return _error(record, [*_python(record.requires_python), *_requirements(record.requirements)])


def metadata_problem(record: PluginRecord) -> PluginError | None:
    """What keeps a plugin from being used here, by what its metadata say."""
    metadata = record.metadata
    assert metadata
    return _error(
        record,
        [
            *_contract(metadata.api_version),
            *_stormdb(metadata.min_stormdb),
            *_python(f">={metadata.min_python}" if metadata.min_python else ""),
            *_requirements(metadata.dependencies),
        ],
    )


def _contract(version: str) -> Iterator[Need]:
    wanted, offered = _numbers(version), _numbers(API_VERSION)
    said = f"was written for version {version} of the plugin contract, stormdb has {API_VERSION}"
    if wanted > offered:
        yield Need(said, "update stormdb")
    elif wanted[0] < offered[0]:
        yield Need(said, "get a newer version of the plugin")


def _stormdb(oldest: str) -> Iterator[Need]:
    here = distributions.version("stormdb")
    if _numbers(oldest) > _numbers(here):
        yield Need(f"needs stormdb {oldest} or newer, this is {here}", "update stormdb")


def _python(specifier: str) -> Iterator[Need]:
    if not specifier:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    here = ".".join(map(str, sys.version_info[:3]))
    try:
        is_met = SpecifierSet(specifier).contains(here, prereleases=True)
    except InvalidSpecifier:
        yield Need(f"declares requires-python = {specifier!r}, which says nothing", "write >=3.11")
        return
    if not is_met:
        shown = specifier.removeprefix(">=")
        wanted = f"{shown} or newer" if shown != specifier and "," not in shown else specifier
        yield Need(
            f"needs Python {wanted}, this is {here}",
            "run stormdb with such a Python, for example by uv tool install --python",
        )


def _requirements(requirements: Sequence[str]) -> Iterator[Need]:
    """Those of the requirement strings that this environment does not meet."""
    if not requirements:
        return
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            yield Need(f"lists {text!r}, which names no Python package", "write it as numpy>=2")
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from _requirement(requirement)


def _requirement(requirement: Requirement) -> Iterator[Need]:
    wanted = f"{requirement.name}{requirement.specifier}"
    hint = f'uv pip install "{wanted}"' if requirement.specifier else f"uv pip install {wanted}"
    try:
        here = distributions.version(requirement.name)
    except distributions.PackageNotFoundError:
        yield Need(f"needs {wanted}, which is not installed", hint)
        return
    if not requirement.specifier.contains(here, prereleases=True):
        yield Need(f"needs {wanted}, installed is {here}", hint)


def server_problems(
    metadata: PluginMetadata, server_version_num: int, available_extensions: Collection[str]
) -> list[str]:
    """What keeps the plugin from being used on a server; each follows the plugin's name.

    Args:
        metadata: what the plugin needs.
        server_version_num: `server_version_num` of the server, such as 180006.
        available_extensions: names in `pg_available_extensions`.
    """
    problems = []
    wanted = (*_numbers(metadata.min_postgresql_version), 0, 0)
    there = (server_version_num // 10_000, server_version_num % 10_000)
    if wanted[:2] > there:
        problems.append(
            f"needs PostgreSQL {metadata.min_postgresql_version} or newer, "
            f"the server is {there[0]}.{there[1]}"
        )
    problems += [
        f"needs the PostgreSQL extension {name}, which is not available on the server"
        for name in metadata.required_extensions
        if name not in available_extensions
    ]
    return problems

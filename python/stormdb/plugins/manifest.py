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

__all__ = ["Need", "declared_problem", "disagreement", "metadata_problem", "server_problems"]


_MINORS = range(11, 100)
_MICROS = (0, 99)


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
    about = record.declared
    return _error(
        record,
        [
            *(_contract(about.api_version) if about else ()),
            *(_stormdb(about.min_stormdb) if about else ()),
            *_declared_python(record.requires_python),
            *_declared(record.requirements),
        ],
    )


def disagreement(record: PluginRecord) -> PluginError | None:
    """What a plugin's code says otherwise than its files; None if they agree."""
    told, declared = record.metadata, record.declared
    if told is None or declared is None:
        return None
    for field in ("name", "version", "workload_types", "api_version"):
        here, there = getattr(told, field), getattr(declared, field)
        if here != there:
            return PluginError(
                f"plugin {record.name} says {field} {here!r} in get_metadata(), but {there!r} in "
                "its [tool.stormdb]",
                where=record.where,
                hint="make them agree",
            )
    return None


def metadata_problem(record: PluginRecord) -> PluginError | None:
    """What keeps a plugin from being used here, by what its metadata say."""
    metadata = record.metadata
    assert metadata
    here, path = ".".join(map(str, sys.version_info[:3])), sys.path
    if record.environment:
        facts = record.environment.facts()
        if facts is None:  # not made yet: it is asked again when the plugin starts
            return _error(
                record, [*_contract(metadata.api_version), *_stormdb(metadata.min_stormdb)]
            )
        here, path = facts["python"], [facts["site"]]
    return _error(
        record,
        [
            *_contract(metadata.api_version),
            *_stormdb(metadata.min_stormdb),
            *_python(metadata.min_python, here),
            *_requirements(metadata.dependencies, path),
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
    if not oldest:
        return
    here = distributions.version("stormdb")
    if _numbers(oldest) > _numbers(here):
        yield Need(f"needs stormdb {oldest} or newer, this is {here}", "update stormdb")


def _declared_python(specifier: str) -> Iterator[Need]:
    """What is wrong with a `requires-python`; another Python than this one can be had."""
    if not specifier:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(specifier)
    except InvalidSpecifier:
        yield Need(f"declares requires-python = {specifier!r}, which says nothing", "write >=3.11")
        return
    if not any(wanted.contains(f"3.{minor}.{micro}") for minor in _MINORS for micro in _MICROS):
        yield Need(
            f"declares requires-python = {specifier!r}, stormdb runs plugins with Python 3.11 "
            "or newer",
            "write >=3.11",
        )


def _declared(requirements: Sequence[str]) -> Iterator[Need]:
    """Those of the requirement strings that no environment can meet."""
    for requirement in _parsed(requirements):
        if isinstance(requirement, Need):
            yield requirement
        elif requirement.name.lower() == "stormdb":
            yield from _requirement(requirement, sys.path)


def _python(oldest: str, here: str) -> Iterator[Need]:
    if _numbers(oldest) > _numbers(here):
        yield Need(
            f"needs Python {oldest} or newer, this is {here}",
            f'declare requires-python = ">={oldest}" in its script block or pyproject.toml',
        )


def _parsed(requirements: Sequence[str]) -> Iterator[Requirement | Need]:
    """Those that count on this platform."""
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
            yield requirement


def _requirements(requirements: Sequence[str], path: list[str]) -> Iterator[Need]:
    """Those of the requirement strings that the packages on a search path do not meet."""
    for requirement in _parsed(requirements):
        if isinstance(requirement, Need):
            yield requirement
        else:
            yield from _requirement(requirement, path)


def _requirement(requirement: Requirement, path: list[str]) -> Iterator[Need]:
    wanted = f"{requirement.name}{requirement.specifier}"
    is_own = requirement.name.lower() == "stormdb"
    hint = (
        "update stormdb"
        if is_own
        else f'declare "{wanted}" in the dependencies of its script block or pyproject.toml'
    )
    found = distributions.distributions(name=requirement.name, path=sys.path if is_own else path)
    here = next((one.version for one in found), None)
    if here is None:
        yield Need(f"needs {wanted}, which is not installed", hint)
    elif not requirement.specifier.contains(here, prereleases=True):
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

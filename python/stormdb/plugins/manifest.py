"""Checks of what a plugin says it needs, against what is there."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from importlib import metadata as distributions
from typing import TYPE_CHECKING

from stormdb.plugin.metadata import API_VERSION

if TYPE_CHECKING:
    from stormdb.plugin import PluginMetadata

__all__ = ["metadata_problems", "missing_requirements", "server_problems"]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def metadata_problems(metadata: PluginMetadata) -> list[str]:
    """What keeps the plugin from being used here; each follows the plugin's name."""
    problems = []
    wanted, offered = _numbers(metadata.api_version), _numbers(API_VERSION)
    if wanted[0] != offered[0] or wanted > offered:
        problems.append(
            f"was written for version {metadata.api_version} of the plugin contract, this stormdb "
            f"has {API_VERSION}"
        )
    here = distributions.version("stormdb")
    if _numbers(metadata.min_stormdb) > _numbers(here):
        problems.append(f"needs stormdb {metadata.min_stormdb} or newer, this is {here}")
    if _numbers(metadata.min_python) > sys.version_info[:3]:
        python = ".".join(map(str, sys.version_info[:3]))
        problems.append(f"needs Python {metadata.min_python} or newer, this is {python}")
    if missing := missing_requirements(metadata.dependencies):
        problems.append(f"needs {', '.join(missing)}, which is not installed")
    return problems


def missing_requirements(requirements: Sequence[str]) -> list[str]:
    """Those of the requirement strings that this environment does not meet."""
    from packaging.requirements import Requirement

    missing = []
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        try:
            version = distributions.version(requirement.name)
        except distributions.PackageNotFoundError:
            missing.append(text)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            missing.append(text)
    return missing


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

"""`Catalog`: every plugin that can be found, and which of them has a workload type."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.errors import ConfigError, PluginError
from stormdb.plugins import cache, discover
from stormdb.plugins.host import Host
from stormdb.plugins.manifest import metadata_problem

if TYPE_CHECKING:
    from stormdb.plugins.lock import Lock
    from stormdb.plugins.record import PluginRecord
    from stormdb.plugins.settings import Limits, Settings

__all__ = ["Catalog"]

_SHOWN = 3


def _any(_: PluginRecord) -> bool:
    return True


class Catalog:
    """The plugins in the order in which they were found. Made by `discover`.

    Attributes:
        plugins: all of them, usable or not.
        limits: what plugin code may use.
    """

    def __init__(self, plugins: Iterable[PluginRecord], limits: Limits) -> None:
        self.plugins: Sequence[PluginRecord] = _distinct(plugins)
        self.limits = limits

    @classmethod
    def discover(
        cls,
        settings: Settings,
        *,
        where: Callable[[str], str] = str,
    ) -> Catalog:
        """Find the built-in, the installed and the configured plugins; runs none of their code.

        Args:
            settings: the section `plugins` of a configuration.
            where: place of a key in the configuration, for messages.

        Raises:
            ConfigError: a file or a folder that was named does not exist.
        """
        found = [
            *discover.builtin(),
            *discover.installed(),
            *discover.stored(),
            *discover.configured(settings, where),
        ]
        return cls(_with_wheels(found, settings.wheels, where), settings.limits)

    @classmethod
    def at_paths(
        cls, paths: Iterable[Path], limits: Limits, *, wheels: str | None = None
    ) -> Catalog:
        """The plugins in these files and folders alone, whatever else there is.

        Args:
            paths: they exist.
            limits: what plugin code may use.
            wheels: folder that packages come from; None for a package index.
        """
        found = (record for path in paths for record in discover.at_path(path))
        return cls(_with_wheels(found, wheels, str), limits)

    def insist_on(self, lock: Lock) -> None:
        """Let nothing else count than what a lock holds; comes before `load`."""
        self.plugins = list(map(lock.applied, self.plugins))

    async def load(self, may_run: Callable[[PluginRecord], bool] = _any) -> None:
        """Read the metadata of all plugins, from their files, from the cache, or by their code.

        A plugin that cannot be read keeps its problem, and so do two that claim one name.

        Args:
            may_run: whether a plugin's code may be run, in a process of its own, to ask it; one
                that may not be asked stays without metadata.
        """
        turns = asyncio.Semaphore(os.cpu_count() or 1)

        async def one(record: PluginRecord) -> PluginRecord:
            async with turns:
                return await _with_metadata(record, self.limits, may_run)

        self.plugins = _without_clashes(await asyncio.gather(*map(one, self.plugins)))

    @property
    def workload_types(self) -> dict[str, PluginRecord]:
        """The usable plugins by workload type; empty before `load`."""
        return {
            name: record
            for record in self.plugins
            if record.metadata and not record.problem
            for name in record.metadata.workload_types
        }

    @property
    def problems(self) -> list[PluginError]:
        """Why plugins cannot be used: no harm to a run that needs another one."""
        return [record.problem for record in self.plugins if record.problem]

    def find(self, workload_type: str) -> PluginRecord:
        """The plugin that has a workload type; `load` comes first.

        Raises:
            PluginError: no usable plugin has it; names the nearest, and the plugins that could not
                be read, for one of them may have it.
        """
        import difflib

        for record in self.plugins:
            if record.metadata and workload_type in record.metadata.workload_types:
                if record.problem:
                    raise record.problem
                return record
        known = sorted(self.workload_types)
        near = difflib.get_close_matches(workload_type, known, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
        unread = [record.problem for record in self.plugins if not record.metadata]
        message = f"no plugin has the workload type {workload_type}"
        if unread:
            message += "; it may be in one that cannot be used: "
            if len(unread) == 1 and unread[0] and unread[0].hint and not near:
                hint = unread[0].hint
            message += "; ".join(f"{one.where}: {one.message}" for one in unread[:_SHOWN] if one)
        if len(unread) > _SHOWN:
            message += f"; and {len(unread) - _SHOWN} more that `stormdb plugins check` shows"
        raise PluginError(message, hint=hint)

    def named(self, name: str | Path) -> PluginRecord:
        """The plugin of a name, or at a path that was found; `load` comes first.

        Raises:
            PluginError: there is none; names the nearest.
        """
        import difflib

        for record in self.plugins:
            if name == record.name or str(name) == record.source:
                return record
        known = sorted({record.name for record in self.plugins})
        near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
        raise PluginError(f"there is no plugin {name}", hint=hint)


def _with_wheels(
    found: Iterable[PluginRecord], wheels: str | None, where: Callable[[str], str]
) -> list[PluginRecord]:
    """The plugins, those with an environment of their own told where its packages come from."""
    if not wheels:
        return list(found)
    folder = Path(wheels)
    if not folder.is_dir():
        raise ConfigError(
            f"there is no folder {wheels}",
            where=where("plugins.wheels"),
            hint="name a folder that holds the wheels of the plugins' packages",
        )
    return [
        replace(record, environment=replace(record.environment, wheels=str(folder.resolve())))
        if record.environment
        else record
        for record in found
    ]


def _distinct(plugins: Iterable[PluginRecord]) -> list[PluginRecord]:
    """Each place once: a plugin may be named, lie in a searched folder and be installed."""
    seen: dict[object, PluginRecord] = {}
    for record in plugins:
        entry = record.entry
        key = (entry.roots, entry.module, entry.attribute) if entry else record.source
        seen.setdefault(key, record)
    return list(seen.values())


async def _with_metadata(
    record: PluginRecord, limits: Limits, may_run: Callable[[PluginRecord], bool]
) -> PluginRecord:
    if record.problem:
        return record
    if metadata := record.declared or cache.read_metadata(record):
        record = replace(record, name=metadata.name, metadata=metadata)
        return replace(record, problem=metadata_problem(record))
    if not may_run(record):
        return record
    try:
        host = await Host.start(record, limits, initialize=False)
    except PluginError as error:
        return replace(record, problem=error)
    await host.kill()
    cache.write_metadata(host.record)
    return host.record


def _without_clashes(plugins: Sequence[PluginRecord]) -> list[PluginRecord]:
    """Two plugins with one name, or with one workload type, are both unusable."""
    claims: dict[str, list[int]] = {}
    for index, record in enumerate(plugins):
        if record.metadata:
            for claim in (
                f"are named {record.metadata.name}",
                *(f"have the workload type {name}" for name in record.metadata.workload_types),
            ):
                claims.setdefault(claim, []).append(index)
    result = list(plugins)
    for claim, indexes in claims.items():
        if len(indexes) < 2:
            continue
        places = " and ".join(plugins[index].where for index in indexes)
        for index in indexes:
            if not result[index].problem:
                result[index] = replace(
                    result[index],
                    problem=PluginError(
                        f"several plugins {claim}: {places}",
                        hint="rename one of them, or leave it out of plugins.paths and "
                        "plugins.files",
                    ),
                )
    return result

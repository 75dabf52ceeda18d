"""Takes a plugin through its life without a server, step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.errors import PluginError, StormdbError
from stormdb.plugins.host import Host
from stormdb.plugins.static import Flaw, read_files

if TYPE_CHECKING:
    from stormdb.plugins.record import PluginRecord
    from stormdb.plugins.settings import Limits

__all__ = ["Step", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a check.

    Attributes:
        name: what was tried.
        detail: what came of it, for people.
        problem: why it did not go well; None if it did.
        flaw: what was read in the source; None for a step of another kind.
    """

    name: str
    detail: str = ""
    problem: StormdbError | None = None
    flaw: Flaw | None = None


async def check(record: PluginRecord, limits: Limits) -> AsyncIterator[Step]:
    """Source, import, metadata, needs, `initialize`, `create_workload` of each type, `cleanup`.

    The first problem of a plugin ends its check, but all of its source is read and each workload
    type is tried.
    """
    if record.problem:
        yield Step(name="load", problem=record.problem)
        return
    yield Step(name="find", detail=f"{record.kind}, sha256 {record.digest[:12]}")
    for step in _read(record):
        yield step
    try:
        host = await Host.start(record, limits)
    except StormdbError as error:
        yield Step(name="load", problem=error)
        return
    try:
        metadata = host.record.metadata
        assert metadata
        yield Step(name="load", detail=f"{metadata.name} {metadata.version}")
        for workload_type in metadata.workload_types:
            yield await _create(host, workload_type)
        yield await _stop(host)
    finally:
        await host.kill()


def _read(record: PluginRecord) -> Iterator[Step]:
    """A step for each flaw of the source; one for all of it if there is none."""
    count, flaws = read_files(record.entry.roots if record.entry else ())
    if not flaws:
        yield Step(name="read", detail="1 file" if count == 1 else f"{count} files")
    for flaw in flaws:
        where = f"{record.show(flaw.file)}:{flaw.line}"
        problem = PluginError(flaw.message, where=where, hint=flaw.hint)
        yield Step(name=flaw.rule, problem=problem, flaw=flaw)


async def _create(host: Host, workload_type: str) -> Step:
    name = f"create {workload_type}"
    try:
        await host.create_workload(workload_type)
    except StormdbError as error:
        return Step(name=name, problem=error)
    keys = host.workload_schema.get("properties", {}) if host.workload_schema else {}
    return Step(name=name, detail=f"workload_config: {', '.join(keys)}" if keys else "")


async def _stop(host: Host) -> Step:
    try:
        await host.stop()
    except StormdbError as error:
        return Step(name="clean up", problem=error)
    return Step(name="clean up")

"""Takes a plugin through its life without a server, step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.errors import StormdbError
from stormdb.plugins.host import Host

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
    """

    name: str
    detail: str = ""
    problem: StormdbError | None = None


async def check(record: PluginRecord, limits: Limits) -> AsyncIterator[Step]:
    """Import, metadata, needs, `initialize`, `create_workload` of each type, `cleanup`.

    The first problem of a plugin ends its check, but each workload type is tried.
    """
    if record.problem:
        yield Step(name="load", problem=record.problem)
        return
    yield Step(name="find", detail=f"{record.kind}, sha256 {record.digest[:12]}")
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

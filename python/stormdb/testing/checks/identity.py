"""Who the plugin is: metadata and workload types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.errors import PluginError
from stormdb.plugins import Host
from stormdb.testing.outcome import BrokenPromiseError

if TYPE_CHECKING:
    from stormdb.testing.bench import Bench

__all__ = ["a_type_that_is_not_listed_is_refused", "each_type_is_created", "metadata_is_valid"]

_UNLISTED = "no_such_workload_type"


async def metadata_is_valid(bench: Bench) -> str:
    """The plugin can be loaded, says who it is, and ends well."""
    try:
        if bench.record.problem:
            raise bench.record.problem
        async with await Host.start(bench.record, bench.limits) as host:
            metadata = host.record.metadata
    except PluginError as error:
        hint = error.hint or "mend it, then try the other promises"
        raise BrokenPromiseError(error.message, where=error.where, hint=hint) from error
    assert metadata
    return f"{metadata.name} {metadata.version}"


async def each_type_is_created(bench: Bench) -> str:
    """`create_workload` makes a workload of each type that the metadata lists."""
    types = bench.metadata.workload_types
    async with await Host.start(bench.record, bench.limits) as host:
        for workload in types:
            try:
                await host.create_workload(workload)
            except PluginError as error:
                raise BrokenPromiseError(
                    f"workload_types lists {workload}, and it cannot be made: {error.message}",
                    where=error.where,
                    hint=error.hint or "make it in create_workload(), or take it off the list",
                ) from error
    return ", ".join(types)


async def a_type_that_is_not_listed_is_refused(bench: Bench) -> str:
    """`create_workload` raises where it is asked for something else."""
    assert bench.metadata
    async with await Host.start(bench.record, bench.limits) as host:
        try:
            await host.request("create_workload", {"workload_type": _UNLISTED})
        except PluginError as error:
            return error.message.splitlines()[0]
    raise BrokenPromiseError(
        f"create_workload({_UNLISTED!r}) makes a workload, though workload_types does not list it",
        where=bench.record.where,
        hint="raise ValueError for a type that is not one of workload_types",
    )

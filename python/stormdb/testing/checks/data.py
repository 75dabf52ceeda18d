"""The data: made, made again, larger, the same by the same seed, and removed without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.errors import WorkloadError
from stormdb.testing.bench import listed
from stormdb.testing.outcome import BrokenPromiseError, NotTriedError
from stormdb.testing.state import difference

if TYPE_CHECKING:
    from stormdb.testing.bench import Bench
    from stormdb.testing.courses import Step

__all__ = [
    "cleanup_leaves_nothing_behind",
    "cleanup_spares_what_was_there",
    "rows_grow_with_the_scale",
    "setup_makes_the_data",
    "setup_twice_changes_nothing",
    "the_same_seed_makes_the_same_data",
    "verify_holds_after_setup",
]


async def setup_makes_the_data(bench: Bench) -> str:
    """Setup goes well, at the declared scale and at a larger one."""
    await bench.cases()  # a type that cannot be made is the matter of another promise
    scale = bench.declaration.scale
    for workload in bench.metadata.workload_types:
        try:
            await bench.first(workload)
            scale = bench.declaration.larger_scale
            await bench.larger(workload)
        except WorkloadError as error:
            raise BrokenPromiseError(
                f"setup of {workload} fails at scale {scale}: {error.message}",
                where=error.where,
                hint=error.hint or "mend setup()",
            ) from error
    return f"at scale {bench.declaration.scale} and {scale}"


async def rows_grow_with_the_scale(bench: Bench) -> str:
    """A larger scale makes more rows."""
    declared = bench.declaration
    if not declared.grows:
        raise NotTriedError("grows = False is declared")
    seen = []
    for workload in bench.metadata.workload_types:
        small = (await bench.first(workload)).rows.row_count
        larger = (await bench.larger(workload)).row_count
        if larger <= small:
            raise BrokenPromiseError(
                f"setup of {workload} makes {larger} rows at scale {declared.larger_scale}, and "
                f"{small} at scale {declared.scale}",
                hint="let setup() make cfg.scale units of data, or declare grows = False",
            )
        seen.append(f"{workload}: {small} rows, then {larger}")
    return "; ".join(seen)


async def setup_twice_changes_nothing(bench: Bench) -> str:
    """Setup on existing data leaves it as it is."""
    for workload in bench.metadata.workload_types:
        second = await bench.second(workload)
        try:
            changes = second.changes.get()
        except WorkloadError as error:
            raise BrokenPromiseError(
                f"a second setup of {workload} fails: {error.message}",
                where=error.where,
                hint="write CREATE … IF NOT EXISTS, and load only where there are no rows",
            ) from error
        if changes:
            raise BrokenPromiseError(
                f"a second setup of {workload} changes the data: {listed(changes)}",
                hint="look whether the rows are there before loading them",
            )
    return ""


async def the_same_seed_makes_the_same_data(bench: Bench) -> str:
    """Two setups with one seed make the same rows."""
    seed = bench.declaration.seed
    for workload in bench.metadata.workload_types:
        first, second = await bench.first(workload), await bench.second(workload)
        if changes := difference(first.rows, second.rows):
            raise BrokenPromiseError(
                f"two setups of {workload} with seed {seed} make different data: {listed(changes)}",
                hint="draw from ctx.random instead of random, and in one order; or declare the "
                'columns that may differ: varies = {"table.column"}',
            )
    return f"seed {seed}"


async def verify_holds_after_setup(bench: Bench) -> str:
    """What verify checks holds for data that was just made."""
    checked = 0
    for workload in bench.metadata.workload_types:
        first = await bench.first(workload)
        try:
            findings = first.findings.get()
        except WorkloadError as error:
            raise BrokenPromiseError(
                f"verify of {workload} fails: {error.message}",
                where=error.where,
                hint=error.hint or "mend verify()",
            ) from error
        for finding in findings:
            checked += 1
            if not finding.ok:
                raise BrokenPromiseError(
                    f"after setup of {workload}, {finding.name} does not hold: {finding.detail}",
                    hint="either setup() makes wrong data, or verify() asks the wrong question",
                )
    if not checked:
        raise NotTriedError("verify() checks nothing")
    return f"{checked} found true"


async def cleanup_leaves_nothing_behind(bench: Bench) -> str:
    """After cleanup there is no object, role, lock, prepared transaction or session left."""
    for workload in bench.metadata.workload_types:
        if left := _of_cleanup(workload, (await bench.second(workload)).left):
            raise BrokenPromiseError(
                f"cleanup of {workload} leaves something behind: {listed(left)}",
                hint="what is made outside of the schema must be removed by cleanup(), and every "
                "connection given back",
            )
    return ""


async def cleanup_spares_what_was_there(bench: Bench) -> str:
    """Cleanup touches nothing that was there before, even if it has the names of the plugin."""
    for workload in bench.metadata.workload_types:
        if harm := _of_cleanup(workload, (await bench.larger(workload)).harm):
            raise BrokenPromiseError(
                f"cleanup of {workload} touches what is not its own: {listed(harm)}",
                hint="name no schema in cleanup(), and drop by the names of your own objects only",
            )
    return ""


def _of_cleanup(workload: str, step: Step[list[str]]) -> list[str]:
    """What was found after a cleanup."""
    try:
        return step.get()
    except WorkloadError as error:
        raise BrokenPromiseError(
            f"cleanup of {workload} fails: {error.message}",
            where=error.where,
            hint=error.hint or "mend cleanup()",
        ) from error

"""A plain run: it works, its statements have rows, and nothing outside of the schema changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.errors import WorkloadError
from stormdb.testing.bench import listed
from stormdb.testing.outcome import BrokenPromiseError, NotTriedError
from stormdb.testing.scratch import InUseError
from stormdb.testing.state import difference

if TYPE_CHECKING:
    from stormdb.testing.bench import Bench, Case
    from stormdb.testing.runner import Run

__all__ = [
    "each_statement_has_rows",
    "each_type_runs",
    "it_stays_within_its_schema",
    "verify_holds_after_a_run",
]


async def each_type_runs(bench: Bench) -> str:
    """A run records operations, and no errors."""
    return await bench.tries(lambda case: _runs(bench, case))


async def _runs(bench: Bench, case: Case) -> str:
    await bench.loaded(case.workload)  # a setup that fails is the matter of another promise
    try:
        run = (await bench.measured(case)).run
    except InUseError:
        raise
    except WorkloadError as error:
        raise BrokenPromiseError(
            f"a run of {case} does not come to a load: {error.message}",
            where=error.where,
            hint=error.hint,
        ) from error
    _check_run(bench, case, run)
    return f"{run.committed_count} committed"


def _check_run(bench: Bench, case: Case, run: Run) -> None:
    allowed = bench.declaration.allows_errors
    for sqlstate, count in run.failures.items():
        if sqlstate not in allowed:
            raise BrokenPromiseError(
                f"{count} of the transactions of {case} fail with {sqlstate}: "
                f"{run.examples[sqlstate]}",
                hint="mend the workload; what belongs to it is declared: "
                f'allows_errors = {{"{sqlstate}"}}',
            )
    if not run.result.is_whole:
        raise BrokenPromiseError(f"a run of {case} breaks off: {run.result.problem}")
    if not run.committed_count:
        raise BrokenPromiseError(
            f"a run of {case} of {bench.declaration.run_s:g} s records no operation",
            hint="let run() return after each operation, or record each with metrics; if a call "
            "takes long, raise run_s",
        )


async def each_statement_has_rows(bench: Bench) -> str:
    """Each statement of a run returns or changes rows, unless that is declared."""
    return await bench.tries(lambda case: _have_rows(bench, case))


async def _have_rows(bench: Bench, case: Case) -> str:
    statements = (await bench.measured(case)).statements
    if statements is None:
        raise NotTriedError("the server has no pg_stat_statements for this role")
    declared = bench.declaration
    for statement in (one for one in statements if one.has_rows):
        if not (statement.rows or declared.allows_empty(statement.text)):
            raise BrokenPromiseError(
                f"a statement of {case} never returned or changed a row in {statement.calls} "
                f"calls: {statement.shown}",
                hint="look at its WHERE and at the values that it gets; if it is right, declare a "
                'part of it: allows_empty_reads = {"…"}',
            )
        if statement.is_write and not declared.writes:
            raise BrokenPromiseError(
                f"writes = False is declared, and {case} changes rows: {statement.shown}",
                hint="take the declaration away",
            )
    return f"{len(statements)} statements"


async def it_stays_within_its_schema(bench: Bench) -> str:
    """Neither setup nor a run makes or changes anything outside of the plugin's schema."""
    for workload in bench.metadata.workload_types:
        _check_changes(f"setup of {workload}", (await bench.first(workload)).changes)
    return await bench.tries(lambda case: _run_stays(bench, case))


async def _run_stays(bench: Bench, case: Case) -> str:
    measured = await bench.measured(case)
    _check_changes(f"a run of {case}", difference(measured.before, measured.after))
    return bench.schema


# A role belongs to no schema: that cleanup removes it is another promise.
_ELSEWHERE = ("role ", "member ", "settings of ", "large object ", "prepared transaction ")


def _check_changes(what: str, changes: list[str]) -> None:
    if outside := [change for change in changes if not change.startswith(_ELSEWHERE)]:
        raise BrokenPromiseError(
            f"{what} changes what is outside of the plugin's schema: {listed(outside)}",
            hint="name no schema: the plugin's own is first in the search path",
        )


async def verify_holds_after_a_run(bench: Bench) -> str:
    """What verify checks still holds when a run has ended."""
    return await bench.tries(lambda case: _holds(bench, case))


async def _holds(bench: Bench, case: Case) -> str:
    result = (await bench.measured(case)).run.result
    if result.findings is None:
        raise BrokenPromiseError(f"verify did not come to an end after {case}: {result.problem}")
    for finding in result.findings:
        if not finding.ok:
            raise BrokenPromiseError(
                f"after a run of {case}, {finding.name} does not hold: {finding.detail}",
                hint="put statements that belong together into one transaction",
            )
    if not result.findings:
        raise NotTriedError("verify() checks nothing")
    return f"{len(result.findings)} found true"

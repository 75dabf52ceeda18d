"""From a workload and its configuration to a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormdb.errors import ProgramError
from stormdb.program.ir import Program, Transaction
from stormdb.workload.parts import Parts
from stormdb.workload.places import of_class
from stormdb.workload.trace import Trace
from stormdb.workload.transactions import transactions_of
from stormdb.workload.tx import Tx

if TYPE_CHECKING:
    from stormdb.plugin import Config, Workload
    from stormdb.workload.transactions import DescribedTransaction

__all__ = ["compile_workload"]

_MIXES = ("sampled", "deck")
_MAX_ROWS = 512
"""Rows that the recorder has room for."""
_MAX_METRICS = 255
"""The recorder has room for one more, which is stormdb's own."""
_MAX_BYTES = 32 * 2**20
"""A program and its explanation travel in one frame."""


def compile_workload(workload: Workload, cfg: Config) -> Program:
    """Call each method that describes a transaction once, and put a program together.

    The same workload with the same configuration gives the same bytes.

    Args:
        workload: has methods with `@transaction`.
        cfg: what the workload sees of the run's configuration.

    Raises:
        ProgramError: the workload describes nothing, or something that cannot be executed.
    """
    place, name = of_class(type(workload)), type(workload).__name__
    described = transactions_of(workload, cfg)
    if not described:
        raise ProgramError(
            f"the workload {name} describes no transactions",
            where=place,
            hint="write methods with @transaction from stormdb.workload",
        )
    weighted = [one for one in described if one.weight]
    if not weighted:
        names = ", ".join(one.name for one in described)
        raise ProgramError(
            f"every transaction of the workload {name} has the weight 0: {names}",
            where=place,
            hint="give at least one a weight above 0",
        )
    if workload.mix not in _MIXES:
        raise ProgramError(
            f"mix is {workload.mix!r}", where=place, hint='it is "sampled" or "deck"'
        )
    parts = Parts()
    transactions = tuple(_trace(one, parts) for one in weighted)
    program = Program(
        mix=workload.mix,
        transactions=transactions,
        statements=tuple(parts.statements),
        tables=tuple(parts.tables),
        metrics=tuple(parts.metrics),
    )
    _check_size(program, place)
    return program


def _trace(described: DescribedTransaction, parts: Parts) -> Transaction:
    trace = Trace(described.name, described.place, parts)
    statement_count = len(parts.statements)
    with trace.active():
        described.describe(Tx(trace))
        trace.check_entered()
    if len(parts.statements) == statement_count:
        raise ProgramError(
            f"the transaction {described.name} sends nothing to the server",
            where=described.place,
            hint="describe its statements with tx.execute() and its like",
        )
    return Transaction(
        name=described.name,
        weight=described.weight,
        place=described.place,
        slots=trace.slots,
        draws=trace.draws,
        steps=trace.steps,
    )


def _check_size(program: Program, place: str) -> None:
    """Refuse what the engine has no room for."""
    rows = len(program.transactions) + len(program.statements)
    if rows > _MAX_ROWS:
        raise ProgramError(
            f"the workload has {len(program.transactions)} transactions and "
            f"{len(program.statements)} statements, a report has room for {_MAX_ROWS} together",
            where=place,
            hint="give statements that are alike one text, and what differs as values",
        )
    if len(program.metrics) > _MAX_METRICS:
        raise ProgramError(
            f"{len(program.metrics)} metrics, a report has room for {_MAX_METRICS}", where=place
        )
    if (size := len(program.bytes)) > _MAX_BYTES:
        raise ProgramError(
            f"the program takes {size / 2**20:.0f} MiB, at most {_MAX_BYTES // 2**20} are possible",
            where=place,
            hint="look for long constants and tables: the database can hold them",
        )

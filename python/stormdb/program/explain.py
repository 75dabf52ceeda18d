"""A program for people: what is sent in which order, with which values, and what must come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stormdb.program.ir import Program, Transaction
from stormdb.program.wording import Wording, constant
from stormdb.workload import steps as s
from stormdb.workload.expressions import Const, Expression

__all__ = ["explain"]

_INDENT = "  "
Line = tuple[str, str]
"""Place, or "" if it is that of the line before, and text."""


def explain(program: Program) -> str:
    """The program as a listing.

    The left column is where the author wrote it.
    """
    listings = [list(_transaction(program, one)) for one in program.transactions]
    width = max(len(place) for lines in listings for place, _ in lines)
    parts = ["\n".join(_head(program))]
    parts += [
        "\n".join(f"{place:<{width}}  {text}".rstrip() for place, text in lines)
        for lines in listings
    ]
    if program.tables:
        parts.append(
            "\n".join(
                f"table {number}: {_count(len(table), 'entry', 'entries')}, {constant(table)}"
                for number, table in enumerate(program.tables, 1)
            )
        )
    return "\n\n".join(parts) + "\n"


def _head(program: Program) -> Iterator[str]:
    mix = (
        "drawn by weight"
        if program.mix == "sampled"
        else f"dealt from shuffled decks of {sum(one.weight for one in program.transactions)}"
    )
    counts = [
        _count(len(program.transactions), "transaction"),
        _count(len(program.statements), "statement"),
        *([_count(len(program.metrics), "metric")] if program.metrics else []),
    ]
    yield f"{', '.join(counts)}; {mix}"
    yield f"format version {program.version}, {program.digest}"


def _transaction(program: Program, transaction: Transaction) -> Iterator[Line]:
    total = sum(one.weight for one in program.transactions)
    share = 100 * transaction.weight / total
    yield (
        transaction.place,
        f"{transaction.name}: weight {transaction.weight} of {total} ({share:.3g} %)",
    )
    yield from _Listing(program, transaction).body(transaction.steps)


class _Listing:
    """The lines of one transaction."""

    def __init__(self, program: Program, transaction: Transaction) -> None:
        self._program = program
        self._slots = transaction.slots
        self._wording = Wording(transaction.slots)

    def body(self, steps: Iterable[s.Step]) -> Iterator[Line]:
        """Steps, one level further in."""
        for step in steps:
            is_first = True
            for place, text in self._step(step.do):
                yield (step.place if is_first else place), _INDENT + text
                is_first = False

    def _step(self, action: s.Action) -> Iterator[Line]:  # noqa: PLR0912 - one for each step
        """Lines of a step; the place of the first one is the step's own."""
        of = self._wording.of
        match action:
            case s.Let():
                yield "", f"{self._slots[action.slot]} := {of(action.value)}"
            case s.Execute():
                yield from self._execute(action)
            case s.When():
                yield "", f"when {of(action.condition)}"
                yield from self.body(action.then)
                if action.otherwise:
                    yield "", "otherwise"
                    yield from self.body(action.otherwise)
            case s.Repeat():
                turn = "" if action.slot is None else f", {self._slots[action.slot]} from 0"
                yield "", f"repeat {self._times(action.count, action.limit)} times{turn}"
                yield from self.body(action.body)
            case s.Block():
                retry = ", all of it again after 40001 or 40P01" if action.retry else ""
                yield "", action.begin + retry
                yield from self.body(action.body)
                yield "", "COMMIT"
            case s.Pipeline():
                yield "", "sent together"
                yield from self.body(action.body)
            case s.CopyIn():
                yield from self._copy(action)
            case s.Savepoint():
                ending = "goes on behind it" if action.goes_on else "the transaction fails"
                yield "", f"SAVEPOINT; after an error inside {ending}"
                yield from self.body(action.body)
                yield "", "RELEASE"
            case s.Think():
                yield "", f"think {of(action.seconds)} s"
            case s.Abort():
                yield "", "ROLLBACK on purpose, and end"
            case s.Check():
                yield "", f"fail unless {of(action.condition)}: {action.message}"
            case s.Emit():
                yield "", f"metric {self._program.metrics[action.metric]}: {of(action.value)}"

    def _execute(self, action: s.Execute) -> Iterator[Line]:
        yield from self._statement(action.statement)
        for number, value in enumerate(action.values, 1):
            yield "", f"{_INDENT}${number} = {self._wording.of(value)}"
        if action.rows:
            yield "", f"{_INDENT}must give {_rows(action.rows)}"
        for capture in action.capture:
            name, column = self._slots[capture.slot], capture.column + 1
            yield "", f"{_INDENT}{name} := column {column} as {capture.kind}"

    def _copy(self, action: s.CopyIn) -> Iterator[Line]:
        yield from self._statement(action.statement)
        yield "", f"{_INDENT}{self._times(action.rows, action.limit)} rows, each with"
        for number, column in enumerate(action.columns, 1):
            value = self._wording.of(column.value)
            yield "", f"{_INDENT}column {number} ({column.type_name}) = {value}"

    def _times(self, count: Expression, limit: int) -> str:
        is_constant = isinstance(count, Const)
        return self._wording.of(count) + ("" if is_constant else f" (at most {limit})")

    def _statement(self, number: int) -> Iterator[Line]:
        statement = self._program.statements[number]
        for line in _dedented(statement.sql):
            yield "", line
        yield "", f"{_INDENT}reported as {statement.label}"


def _dedented(sql: str) -> Iterator[str]:
    """The lines of a statement; its first one begins where its indentation was cut off."""
    first, *rest = sql.splitlines()
    yield first.strip()
    lines = [line for line in rest if line.strip()]
    cut = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    yield from (line[cut:].rstrip() for line in lines)


def _rows(rows: s.RowRange) -> str:
    if rows.max is None:
        return f"at least {_count(rows.min, 'row')}" if rows.min else "any number of rows"
    if rows.min == rows.max:
        return f"exactly {_count(rows.min, 'row')}"
    if rows.min == 0:
        return f"at most {_count(rows.max, 'row')}"
    return f"{rows.min} to {rows.max} rows"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"

"""What a transaction does: its steps, and the statements that they execute.

Nodes travel as those of `expressions` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from stormdb.workload.expressions import Expression, Kind

__all__ = [
    "Abort",
    "Action",
    "Block",
    "Capture",
    "Check",
    "CopyColumn",
    "CopyIn",
    "Emit",
    "Execute",
    "Let",
    "Pipeline",
    "Repeat",
    "RowRange",
    "Savepoint",
    "Statement",
    "Step",
    "Think",
    "When",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One SQL statement of a program.

    Attributes:
        label: row of the report, unique in the program.
        sql: text with `$1` … `$n`.
        parameter_count: n.
    """

    label: str
    sql: str
    parameter_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRange:
    """Inclusive bounds on a number of rows; `max` None for any."""

    min: int
    max: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A column, from 0, of a result's first row that is kept in a variable."""

    column: int
    slot: int
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyColumn:
    """A column of a copy: its value, evaluated for each row, and its PostgreSQL type."""

    value: Expression
    type_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Let:
    """Set a variable."""

    slot: int
    value: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """Run a statement; `rows` is how many it must return or change."""

    statement: int
    values: tuple[Expression, ...]
    rows: RowRange | None
    capture: tuple[Capture, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Branch; a condition that is NULL counts as false."""

    condition: Expression
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Loop; `slot` counts from 0. A count above the limit fails the transaction."""

    count: Expression
    limit: int
    slot: int | None
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`BEGIN` … `COMMIT`; `retry` runs it again after a serialization failure or a deadlock."""

    begin: str
    retry: bool
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Send all at once, read all answers afterwards; holds `Let` and `Execute` only."""

    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyIn:
    """Binary `COPY … FROM STDIN`."""

    statement: int
    rows: Expression
    limit: int
    columns: tuple[CopyColumn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Savepoint:
    """A server error inside rolls back to its start; `goes_on`: and continues behind it."""

    goes_on: bool
    body: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Think:
    """Pause, outside of all times."""

    seconds: Expression


@dataclass(frozen=True, slots=True)
class Abort:
    """Roll back the surrounding block on purpose and end the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An invariant: if it does not hold (or is NULL) the transaction fails."""

    condition: Expression
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit:
    """Record a custom metric; NULL is not recorded."""

    metric: int
    value: Expression


Action: TypeAlias = (
    Let
    | Execute
    | When
    | Repeat
    | Block
    | Pipeline
    | CopyIn
    | Savepoint
    | Think
    | Abort
    | Check
    | Emit
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action, and the author's file and line for messages."""

    place: str
    do: Action

"""`Tx`: what a described transaction does, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard

from stormdb.workload.bodies import Body, Steps, Turns
from stormdb.workload.bounds import INT_MAX
from stormdb.workload.copying import copy_columns, copy_sql
from stormdb.workload.expressions import Const, Expression, Kind
from stormdb.workload.places import problem
from stormdb.workload.sql import checked_sql, column_names
from stormdb.workload.steps import (
    Abort,
    Block,
    Capture,
    Check,
    CopyIn,
    Emit,
    Execute,
    Let,
    Pipeline,
    RowRange,
    Savepoint,
    Think,
    When,
)
from stormdb.workload.values import Value, argument, as_value, variable

if TYPE_CHECKING:
    from stormdb.workload.trace import Trace

__all__ = ["Tx"]

Rows: TypeAlias = int | range | tuple[int, int | None] | None
ColumnType: TypeAlias = type[int] | type[float] | type[str] | type[bool] | type[bytes]
Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]

MAX_TURNS = 100_000_000
_MAX_THINK_S = 3600
_MAX_NAME_BYTES = 80
_KINDS = {
    int: Kind.INT,
    float: Kind.FLOAT,
    str: Kind.TEXT,
    bool: Kind.BOOL,
    bytes: Kind.BYTES,
}
_ISOLATIONS = ("read committed", "repeatable read", "serializable")
_OWN_METRIC = "stormdb.pool_wait_ns"


class Tx:
    """Describes one transaction: each method appends a step to it.

    The method that is given a `Tx` is called once, before the run, and each value is a `Value`,
    which stands for what it will be. What a `with` begins ends with its body.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def let(self, name: str, value: object) -> Value:
        """Set a variable: what is random in the value is drawn here and only once.

        Args:
            name: of the variable; the same name again sets the same variable anew.
            value: its value.

        Returns:
            The variable, to be used as often as needed.
        """
        _check_name("the variable", name)
        found = as_value(value)
        expression = self._use(found)
        slot = self._trace.assign(name, found.kind, found.bounds)
        self._trace.record(Let(slot=slot, value=expression))
        return variable(slot, found.kind, self._trace)

    def execute(
        self, sql: str, *values: object, rows: Rows = None, label: str | None = None
    ) -> None:
        """Run a statement.

        Args:
            sql: its text, with `$1` … `$n`.
            values: for `$1` … `$n`.
            rows: how many rows it must return or change: a number, `(least, most)` with None for
                any number, or a range; None for any. Other numbers fail the transaction.
            label: row of the report, behind the transaction's name; None for its first words.
        """
        self._execute(sql, values, None, rows, label)

    def fetch_value(
        self,
        sql: str,
        *values: object,
        type: ColumnType = int,  # noqa: A002
        rows: Rows = 1,
        label: str | None = None,
    ) -> Value:
        """Run a statement and keep the first column of its first row.

        Args:
            sql: its text, with `$1` … `$n`.
            values: for `$1` … `$n`.
            type: int, float, str, bool or bytes; something else fails the transaction.
            rows: as for `execute`; without a row, where that is allowed, the value is NULL.
            label: as for `execute`.
        """
        return self._execute(sql, values, (type,), rows, label)[0]

    def fetch_row(
        self,
        sql: str,
        *values: object,
        types: Iterable[ColumnType],
        rows: Rows = 1,
        label: str | None = None,
    ) -> tuple[Value, ...]:
        """Run a statement and keep the first columns of its first row: `a, b = tx.fetch_row(…)`.

        Args:
            sql: its text, with `$1` … `$n`.
            values: for `$1` … `$n`.
            types: one for each column that is kept, as for `fetch_value`.
            rows: as for `execute`; without a row, where that is allowed, the values are NULL.
            label: as for `execute`.
        """
        return self._execute(sql, values, types, rows, label)

    def _execute(
        self,
        sql: str,
        values: tuple[object, ...],
        types: Iterable[ColumnType] | None,
        rows: Rows,
        label: str | None,
    ) -> tuple[Value, ...]:
        checked = checked_sql(sql, len(values))
        expressions = tuple(self._use(value) for value in values)
        row_range = _row_range(rows)
        kinds = [_kind(one) for one in types or ()]
        if types is not None:
            _check_fetch(kinds, row_range)
        names = column_names(checked, len(kinds))
        slots = [self._trace.capture(*pair) for pair in zip(names, kinds, strict=True)]
        self._trace.record(
            Execute(
                statement=self._statement(label, checked, len(values)),
                values=expressions,
                rows=row_range,
                capture=tuple(
                    Capture(column=column, slot=slot, kind=kind)
                    for column, (slot, kind) in enumerate(zip(slots, kinds, strict=True))
                ),
            )
        )
        return tuple(
            variable(slot, kind, self._trace) for slot, kind in zip(slots, kinds, strict=True)
        )

    def block(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        deferrable: bool = False,
        retry: bool = True,
    ) -> Body:
        """BEGIN … COMMIT around what `with tx.block():` has indented.

        Without a block each statement is a database transaction of its own.

        Args:
            isolation: `read committed`, `repeatable read` or `serializable`; None for the server's
                default.
            read_only: refuse writes.
            deferrable: wait for a snapshot that cannot fail; for `serializable` and `read_only`.
            retry: after a serialization failure or a deadlock (40001, 40P01) do the whole block
                again with the same random values, as often as the run's `retry.max_tries` allows.
        """
        if isolation is not None and isolation not in _ISOLATIONS:
            raise problem(
                f"there is no isolation level {isolation!r}", hint=f"use {', '.join(_ISOLATIONS)}"
            )
        if deferrable and not (isolation == "serializable" and read_only):
            raise problem(
                "deferrable has no effect here",
                hint='it needs isolation="serializable" and read_only=True',
            )
        begin = "BEGIN"
        if isolation:
            begin += f" ISOLATION LEVEL {isolation.upper()}"
        begin += " READ ONLY" if read_only else ""
        begin += " DEFERRABLE" if deferrable else ""
        if outer := self._trace.frame("block"):
            raise problem(
                f"tx.block() stands inside of {outer}",
                hint="tx.savepoint() makes a part of a block that can fail by itself",
            )

        def action(steps: Steps) -> Block:
            return Block(begin=begin, retry=retry, body=steps)

        return Body(self._trace, "block", action, is_certain=True)

    def when(self, condition: object) -> Body:
        """Do what `with tx.when(…):` has indented if a condition is true; NULL is not."""
        expression = self._use(argument("tx.when()", "the condition", condition, Kind.BOOL))

        def action(steps: Steps) -> When:
            return When(condition=expression, then=steps, otherwise=())

        return Body(self._trace, "when", action, is_certain=False)

    def otherwise(self) -> Body:
        """Do what is indented if the condition of the `when` directly above is not true."""
        when = self._trace.when_above

        def action(steps: Steps) -> When:
            return replace(when, otherwise=steps)

        return Body(self._trace, "otherwise", action, is_certain=False)

    def repeat(self, count: object, *, limit: int | None = None) -> Turns:
        """Do what is indented several times: `with tx.repeat(3) as turn:` counts turns from 0.

        Args:
            count: how often, an integer; NULL and what is below 0 count as 0.
            limit: most turns, at most 100,000,000; a larger count fails the transaction. None if
                the largest count is known, as it is of a number or of uniform(1, 9).
        """
        found = argument("tx.repeat()", "the count", count, Kind.INT)
        if found.bounds and found.bounds[1] < 1:
            raise problem(f"the count is never above {found.bounds[1]}, so this is never done")
        return Turns(self._trace, found, _limit("tx.repeat()", "count", found, limit))

    def pipeline(self) -> Body:
        """Send the indented statements in one go and read the answers afterwards.

        Values that they fetch can be used behind the pipeline.
        """
        return Body(self._trace, "pipeline", _pipeline, is_certain=True)

    def savepoint(self, *, on_error: Literal["continue", "fail"] = "continue") -> Body:
        """Let a part of a block fail by itself.

        Args:
            on_error: after an error of the server inside, roll back to the savepoint and
                `continue` behind it, or `fail` the transaction.
        """
        if on_error not in {"continue", "fail"}:
            raise problem(f"on_error is {on_error!r}", hint='it is "continue" or "fail"')
        if not self._trace.frame("block"):
            raise problem(
                "tx.savepoint() stands outside of a block", hint="put it into a `with tx.block():`"
            )

        def action(steps: Steps) -> Savepoint:
            return Savepoint(goes_on=on_error == "continue", body=steps)

        return Body(self._trace, "savepoint", action, is_certain=False)

    def copy_in(  # noqa: PLR0913 - a table, and what goes into it
        self,
        table: str,
        columns: Mapping[str, object],
        *,
        rows: object,
        types: Mapping[str, str],
        limit: int | None = None,
        label: str | None = None,
    ) -> None:
        """Send rows by binary COPY.

        Args:
            table: name of the table, as SQL writes it.
            columns: value of each column, by its name; random values are drawn for each row.
            rows: how many rows, an integer.
            types: PostgreSQL type of each column, such as `int4`, by its name.
            limit: most rows, as for `repeat`.
            label: row of the report, behind the transaction's name; None for `COPY table`.
        """
        sql = copy_sql(table, tuple(columns))
        copied = copy_columns(self._trace, columns, types)
        count = argument("tx.copy_in()", "the number of rows", rows, Kind.INT)
        self._trace.record(
            CopyIn(
                rows=self._use(count),
                limit=_limit("tx.copy_in()", "number of rows", count, limit),
                columns=copied,
                statement=self._statement(label or f"COPY {table}", sql, 0),
            )
        )

    def think(self, seconds: object) -> None:
        """Pause; the time counts neither as response nor as service time.

        Args:
            seconds: how long, at most an hour; what is below 0 counts as 0.
        """
        found = argument("tx.think()", "the pause", seconds, Kind.INT, Kind.FLOAT)
        constant = found.expression.value if isinstance(found.expression, Const) else 0
        if isinstance(constant, int | float) and not 0 <= constant <= _MAX_THINK_S:
            raise problem(f"a pause of {constant} s, it must be at least 0 and at most an hour")
        self._trace.record(Think(seconds=self._use(found)))

    def abort(self) -> None:
        """Roll the surrounding block back on purpose, and end the transaction.

        Its outcome is `rolled back`, which is no failure.
        """
        if not self._trace.frame("block"):
            raise problem(
                "tx.abort() stands outside of a block, so there is nothing to roll back",
                hint="put it into a `with tx.block():`",
            )
        self._trace.record(Abort())

    def check(self, condition: object, message: str) -> None:
        """Fail the transaction unless a condition is true; NULL is not.

        Args:
            condition: what must hold.
            message: what the report says if it does not.
        """
        found = argument("tx.check()", "the condition", condition, Kind.BOOL)
        if not isinstance(message, str) or not message:
            raise problem("tx.check() has no message", hint="say what must hold, for the report")
        self._trace.record(Check(condition=self._use(found), message=message))

    def emit(self, name: str, value: object) -> None:
        """Add a sample to a custom metric: the report shows count, mean and percentiles.

        Args:
            name: of the metric, such as `rows_per_batch`.
            value: a number; NULL is not recorded.
        """
        _check_name("the metric", name)
        if name == _OWN_METRIC:
            raise problem(f"the metric {name} is one of stormdb's own", hint="choose another name")
        found = argument("tx.emit()", "the value", value, Kind.INT, Kind.FLOAT)
        self._trace.record(Emit(metric=self._trace.parts.metric(name), value=self._use(found)))

    def _use(self, value: object) -> Expression:
        return self._trace.use(as_value(value))

    def _statement(self, label: str | None, sql: str, parameter_count: int) -> int:
        if label is not None:
            _check_name("the label", label)
        return self._trace.parts.statement(self._trace.name, label, sql, parameter_count)


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name.isprintable() or not name.strip():
        raise problem(f"{what} is named {name!r}, it must be a text that can be printed")
    if (length := len(name.encode())) > _MAX_NAME_BYTES:
        raise problem(f"{what} has a name of {length} bytes, at most {_MAX_NAME_BYTES}")


def _kind(type_: object) -> Kind:
    kind = _KINDS.get(type_) if isinstance(type_, type) else None
    if kind is None:
        raise problem(
            f"{getattr(type_, '__name__', repr(type_))} is no type that a column can be kept as",
            hint="int, float, str, bool and bytes are; str keeps anything, as the server prints it",
        )
    return kind


def _check_fetch(kinds: list[Kind], rows: RowRange | None) -> None:
    if not kinds:
        raise problem("tx.fetch_row() keeps no column: types is empty")
    if rows and rows.max == 0:
        raise problem("a value is fetched, and rows says that there is no row")


def _row_range(rows: object) -> RowRange | None:
    if rows is None:
        return None
    least: object
    most: object
    if isinstance(rows, range):
        least, most = rows.start, rows.stop - 1
        is_sound = rows.step == 1 and len(rows) > 0
    else:
        least, most = rows if isinstance(rows, tuple) and len(rows) == 2 else (rows, rows)
        is_sound = True
    if (
        not is_sound
        or not _is_count(least)
        or not (most is None or (_is_count(most) and most >= least))
    ):
        raise problem(
            f"rows is {rows!r}",
            hint="rows=1, rows=(0, 1), rows=(1, None) for any number but none, or a range",
        )
    return RowRange(min=least, max=most)


def _is_count(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= INT_MAX


def _limit(function: str, name: str, count: Value, limit: object) -> int:
    """The most turns of a loop, or rows of a copy."""
    known = count.bounds[1] if count.bounds else None
    if limit is None:
        if known is None or known > MAX_TURNS:
            raise problem(
                f"{function}: the largest {name} is not known",
                hint=f"say it with limit=…, at most {MAX_TURNS}; a larger one fails the "
                "transaction",
            )
        return max(known, 1)
    if not _is_count(limit) or not 1 <= limit <= MAX_TURNS:
        raise problem(f"{function}: limit is {limit!r}, it must be a number from 1 to {MAX_TURNS}")
    if count.bounds and count.bounds[0] > limit:
        raise problem(f"{function}: the {name} is at least {count.bounds[0]}, and limit is {limit}")
    return limit


def _pipeline(steps: Steps) -> Pipeline:
    return Pipeline(body=steps)

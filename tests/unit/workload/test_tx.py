"""Each method of `Tx` and the step that it makes."""

from __future__ import annotations

from typing import Any

import pytest

from stormdb.workload import Tx, uniform
from stormdb.workload import steps as s
from stormdb.workload.expressions import Binary, Const, Draw, Kind, Slot
from stormdb.workload.sql import checked_sql
from tests.support.described import actions, compiled, refusal, send


def only(describe: Any) -> Any:
    """The one thing that a transaction does."""
    (action,) = actions(describe)
    return action


@pytest.mark.parametrize(
    ("rows", "row_range"),
    [
        (None, None),
        (0, s.RowRange(min=0, max=0)),
        (3, s.RowRange(min=3, max=3)),
        ((0, 1), s.RowRange(min=0, max=1)),
        ((2, None), s.RowRange(min=2, max=None)),
        (range(1, 4), s.RowRange(min=1, max=3)),
    ],
)
def test_execute(rows: Any, row_range: s.RowRange | None) -> None:
    execute = only(lambda tx: tx.execute("SELECT $1, $2", 1, [1, 2], rows=rows))
    assert execute == s.Execute(
        statement=0, values=(Const(1), Const((1, 2))), rows=row_range, capture=()
    )


def test_fetch_value_and_fetch_row_keep_columns_of_one_row() -> None:
    def describe(tx: Tx) -> None:
        a = tx.fetch_value("SELECT a FROM t")
        b, c = tx.fetch_row("SELECT b, c FROM t", types=[str, float], rows=(0, 1))
        assert [one.kind for one in (a, b, c)] == [Kind.INT, Kind.TEXT, Kind.FLOAT]
        send(tx, a, b, c)

    first, second, third = actions(describe)
    assert first == s.Execute(
        statement=0,
        values=(),
        rows=s.RowRange(min=1, max=1),
        capture=(s.Capture(column=0, slot=0, kind=Kind.INT),),
    )
    assert isinstance(second, s.Execute)
    assert second.rows == s.RowRange(min=0, max=1)
    assert [one.column for one in second.capture] == [0, 1]
    assert isinstance(third, s.Execute)
    assert third.values == (Slot(0), Slot(1), Slot(2))


@pytest.mark.parametrize(
    ("options", "begin"),
    [
        ({}, "BEGIN"),
        ({"isolation": "repeatable read"}, "BEGIN ISOLATION LEVEL REPEATABLE READ"),
        ({"read_only": True}, "BEGIN READ ONLY"),
        (
            {"isolation": "serializable", "read_only": True, "deferrable": True},
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
        ),
    ],
)
def test_block(options: dict[str, Any], begin: str) -> None:
    def describe(tx: Tx) -> None:
        with tx.block(**options):
            send(tx)

    block = only(describe)
    assert (block.begin, block.retry) == (begin, True)
    assert isinstance(block.body[0].do, s.Execute)


def test_a_block_need_not_be_retried() -> None:
    def describe(tx: Tx) -> None:
        with tx.block(retry=False):
            send(tx)

    assert only(describe).retry is False


def test_when_and_otherwise_are_one_step() -> None:
    def describe(tx: Tx) -> None:
        with tx.when(tx.let("n", 1) > 0):
            pass
        with tx.otherwise():
            send(tx)

    _, when = actions(describe)
    assert isinstance(when, s.When)
    assert isinstance(when.condition, Binary)
    assert when.then == ()
    assert len(when.otherwise) == 1


def test_a_when_inside_of_an_otherwise_has_one_of_its_own() -> None:
    def describe(tx: Tx) -> None:
        n = tx.let("n", 1)
        with tx.when(n > 0):
            send(tx)
        with tx.otherwise():
            with tx.when(n < 0):
                send(tx)
            with tx.otherwise():
                send(tx)

    when = actions(describe)[-1]
    assert isinstance(when, s.When)
    inner = when.otherwise[0].do
    assert isinstance(inner, s.When)
    assert len(inner.otherwise) == 1


@pytest.mark.parametrize(
    ("count", "options", "limit"),
    [(3, {}, 3), (3, {"limit": 5}, 5), (uniform, {}, 9), (uniform, {"limit": 4}, 4)],
)
def test_repeat(count: Any, options: dict[str, Any], limit: int) -> None:
    def describe(tx: Tx) -> None:
        with tx.repeat(uniform(1, 9) if count is uniform else count, **options) as turn:
            assert turn.bounds == (0, limit - 1)
            send(tx, turn)

    repeat = only(describe)
    assert repeat.limit == limit
    assert isinstance(repeat.count, Draw if count is uniform else Const)
    assert repeat.body[0].do.values == (Slot(repeat.slot),)


def test_a_count_that_is_not_known_has_a_limit() -> None:
    def describe(tx: Tx) -> None:
        with tx.repeat(tx.fetch_value("SELECT 3"), limit=10):
            send(tx)

    repeat = actions(describe)[-1]
    assert isinstance(repeat, s.Repeat)
    assert repeat.limit == 10


def test_pipeline() -> None:
    def describe(tx: Tx) -> None:
        with tx.pipeline():
            a = tx.fetch_value("SELECT 1")
            tx.let("n", 1)
            send(tx)
        send(tx, a)

    pipeline, _ = actions(describe)
    assert isinstance(pipeline, s.Pipeline)
    assert [type(step.do) for step in pipeline.body] == [s.Execute, s.Let, s.Execute]


def test_savepoint() -> None:
    def describe(tx: Tx) -> None:
        with tx.block():
            with tx.savepoint():
                send(tx)
            with tx.savepoint(on_error="fail"):
                send(tx)

    first, second = (step.do for step in only(describe).body)
    assert (first.goes_on, second.goes_on) == (True, False)


def test_think_check_emit_and_abort() -> None:
    def describe(tx: Tx) -> None:
        tx.think(0.5)
        with tx.block():
            send(tx)
            tx.check(tx.let("n", 1) > 0, "n is positive")
            tx.emit("n", 1)
            tx.emit("m", 2.5)
            tx.emit("n", None)
            tx.abort()

    think, block = actions(describe)
    assert think == s.Think(seconds=Const(0.5))
    assert isinstance(block, s.Block)
    *_, check, one, two, three, abort = (step.do for step in block.body)
    assert isinstance(check, s.Check)
    assert check.message == "n is positive"
    assert [one, two, three] == [
        s.Emit(metric=0, value=Const(1)),
        s.Emit(metric=1, value=Const(2.5)),
        s.Emit(metric=0, value=Const(None)),
    ]
    assert abort == s.Abort()
    assert compiled(describe).metrics == ("n", "m")


def test_labels() -> None:
    def describe(tx: Tx) -> None:
        tx.execute("SELECT 1")
        tx.execute("SELECT 2", label="two")
        tx.copy_in("t", {"a": 1}, rows=1, types={"a": "int4"})
        tx.copy_in("t", {"b": 1}, rows=1, types={"b": "int4"}, label="load")

    program = compiled(describe, lambda tx: tx.execute("SELECT 1"))
    assert [one.label for one in program.statements] == [
        "t1 / SELECT 1",
        "t1 / two",
        "t1 / COPY t",
        "t1 / load",
        "t2 / SELECT 1",
    ]


def test_a_literal_true_is_a_condition() -> None:
    def describe(tx: Tx) -> None:
        with tx.when(True):
            send(tx)

    assert only(describe).condition == Const(value=True)


def test_an_exception_of_the_author_is_not_hidden_by_an_unfinished_body() -> None:
    def describe(tx: Tx) -> None:
        with tx.block(), tx.when(True):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        compiled(describe)


def test_what_tx_takes_for_one_statement_is_what_is_sent() -> None:
    sql = "\n  SELECT 1\n    FROM t;\n"
    statement = compiled(lambda tx: tx.execute(sql)).statements[0]
    assert statement.sql == checked_sql(sql, 0) == "SELECT 1\n    FROM t;"


def test_too_many_variables() -> None:
    def describe(tx: Tx) -> None:
        for number in range(10_001):
            tx.let(f"v{number}", 1)

    assert refusal(describe).message == "more than 10000 variables in one transaction"


def test_too_many_draws() -> None:
    def describe(tx: Tx) -> None:
        for _ in range(10_001):
            uniform(1, 9)

    assert refusal(describe).message == "more than 10000 random values in one transaction"

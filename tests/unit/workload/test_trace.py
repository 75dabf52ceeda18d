"""Which values may be used where; that the others are refused is in `test_mistakes`."""

from __future__ import annotations

from typing import Any

from stormdb.workload import Tx, Value, uniform
from stormdb.workload.steps import Execute, Let, Repeat, Step, When
from tests.support.described import actions, compiled, refusal, send


def test_a_variable_that_both_branches_set_is_set() -> None:
    def describe(tx: Tx) -> None:
        n = tx.let("n", uniform(1, 9))
        with tx.when(n > 3):
            size = tx.let("size", 1)
        with tx.otherwise():
            size = tx.let("size", n)
        send(tx, size, n)

    program = compiled(describe).transactions[0]
    assert program.slots == ("n", "size")


def test_a_variable_that_is_set_before_may_be_set_anew_in_a_body() -> None:
    def describe(tx: Tx) -> None:
        first = total = tx.let("total", 0)
        with tx.repeat(3) as turn:
            total = tx.let("total", total + turn)
        with tx.when(total > 1):
            tx.let("total", total * 2)
        send(tx, first, total)

    program = compiled(describe).transactions[0]
    assert program.slots == ("total", "turn")
    execute = program.steps[-1].do
    assert isinstance(execute, Execute)
    assert execute.values[0] == execute.values[1]


def test_what_is_computed_anew_in_each_turn_may_read_what_changes() -> None:
    def describe(tx: Tx) -> None:
        total = tx.let("total", 0)
        with tx.repeat(3):
            more = total + 1
            send(tx, more)
            total = tx.let("total", more)
        send(tx, total + 1)

    compiled(describe)


def test_what_is_computed_before_a_loop_may_be_used_in_it_if_nothing_changes() -> None:
    def describe(tx: Tx) -> None:
        n = tx.let("n", uniform(1, 9))
        more = n + 1
        with tx.repeat(3), tx.repeat(2):
            send(tx, more)
            tx.let("other", more)

    compiled(describe)


def test_a_computed_value_is_stale_once_one_of_its_variables_changes() -> None:
    def describe(tx: Tx, is_stale: bool) -> None:
        a, b = tx.let("a", 1), tx.let("b", 1)
        total = a + b
        tx.let("b" if is_stale else "c", 2)
        more = total + a
        send(tx, more)

    compiled(lambda tx: describe(tx, is_stale=False))
    assert "from b, which" in refusal(lambda tx: describe(tx, is_stale=True)).message


def test_bounds_are_unknown_where_a_loop_may_have_changed_a_variable() -> None:
    seen: dict[str, Any] = {}

    def describe(tx: Tx) -> None:
        n, total = tx.let("n", uniform(1, 9)), tx.let("total", 0)
        with tx.repeat(n) as turn:
            seen["turn"], seen["n inside"], seen["total inside"] = (
                turn.bounds,
                n.bounds,
                (total + 1).bounds,
            )
            own = tx.let("own", 5)
            own = tx.let("own", own + 1)
            seen["own"] = own.bounds
            total = tx.let("total", total + 1)
        seen["n"], seen["total"] = n.bounds, total.bounds
        send(tx, total)

    compiled(describe)
    assert seen == {
        "turn": (0, 8),
        "n inside": None,
        "total inside": None,
        "own": (5, 6),
        "n": (1, 9),
        "total": None,
    }


def test_a_random_value_may_be_used_once_wherever_it_is_done_once() -> None:
    def describe(tx: Tx) -> None:
        a = uniform(1, 9)
        with tx.block(), tx.when(True):
            send(tx, a)
        with tx.repeat(3):
            send(tx, uniform(1, 9))

    assert compiled(describe).transactions[0].draws == 2


def test_a_tx_that_outlives_its_method_is_refused() -> None:
    kept: list[Tx] = []

    def first(tx: Tx) -> None:
        kept.append(tx)
        send(tx)

    message = refusal(first, lambda tx: kept[-1].execute("SELECT 1")).message
    assert message == "this belongs to the transaction t1, which has been described already"


def test_steps_have_the_place_where_they_begin() -> None:
    def describe(tx: Tx) -> None:
        n = tx.let("n", 1)
        with tx.when(n > 3):
            send(tx)
        with tx.otherwise():
            with tx.repeat(2):
                send(tx)
            send(tx)

    first = describe.__code__.co_firstlineno
    let, when = compiled(describe).transactions[0].steps
    assert isinstance(when.do, When)
    (loop, _) = when.do.otherwise
    assert [line(step) - first for step in (let, when, loop)] == [1, 2, 5]
    assert isinstance(loop.do, Repeat)


def line(step: Step) -> int:
    return int(step.place.rpartition(":")[2])


def test_names_of_variables_are_shown_apart() -> None:
    def describe(tx: Tx) -> None:
        tx.let("id", 1)
        tx.fetch_row("SELECT id, id, 1 FROM t", types=(int, int, int))

    assert compiled(describe).transactions[0].slots == ("id", "id (2)", "id (3)", "fetched")


def test_a_variable_of_a_name_is_one_whoever_sets_it() -> None:
    def set_twice(tx: Tx) -> list[Value]:
        return [tx.let("a", 1), tx.let("a", 2)]

    lets = [one for one in actions(lambda tx: (set_twice(tx), send(tx))) if isinstance(one, Let)]
    assert [let.slot for let in lets] == [0, 0]

"""Mistakes that authors make, each in a function of its own; `test_mistakes` has the answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from stormdb.workload import (
    Tx,
    Value,
    case,
    cast,
    choice,
    exponential,
    gaussian,
    greatest,
    hash_of,
    least,
    length,
    nurand,
    pad,
    pattern,
    permute,
    random_date,
    random_text,
    random_timestamp,
    sqrt,
    table,
    text,
    uniform,
    uniform_float,
    vector,
    zipf,
)

MISTAKES: dict[str, Callable[[Tx], Any]] = {}


def mistake(function: Callable[[Tx], Any]) -> Callable[[Tx], Any]:
    MISTAKES[function.__name__] = function
    return function


def mistakes(what: str, *functions: Callable[[Tx], Any]) -> None:
    for number, function in enumerate(functions, 1):
        MISTAKES[f"{what}_{number}"] = function


def n(tx: Tx) -> Value:
    return tx.let("n", uniform(1, 9))


def word(tx: Tx) -> Value:
    return tx.let("word", choice(["a", "b"]))


mistakes(
    "needs_the_value_now",
    lambda tx: 1 if n(tx) > 3 else 2,
    lambda tx: (n(tx) > 3) and (n(tx) < 5),
    lambda tx: 3 < n(tx) < 5,
    lambda tx: max(n(tx), 3),
    lambda tx: int(n(tx)),
    lambda tx: float(n(tx)),
    lambda tx: f"SELECT {n(tx)}",
    lambda tx: "SELECT %s" % n(tx),  # noqa: UP031
    lambda tx: "SELECT %d" % n(tx),  # noqa: UP031
    lambda tx: str(n(tx)),
    lambda tx: list(range(n(tx))),
    lambda tx: [0] * n(tx),
    lambda tx: ["a", "b"][n(tx)],
    lambda tx: list(n(tx)),
    lambda tx: 3 in n(tx),
    lambda tx: len(word(tx)),
    lambda tx: {n(tx): 1},
    lambda tx: math.sqrt(n(tx)),
)
mistakes(
    "kinds",
    lambda tx: word(tx) + 1,
    lambda tx: n(tx) + "a",
    lambda tx: (n(tx) > 1) + 1,
    lambda tx: (n(tx) > 1) & n(tx),
    lambda tx: -word(tx),
    lambda tx: ~word(tx),
    lambda tx: n(tx) < "a",
    lambda tx: n(tx) == None,  # noqa: E711
    lambda tx: n(tx)[0],
    lambda tx: [n(tx), "a"] and tx.let("array", [n(tx), "a"]),
    lambda tx: tx.let("array", [1, "a"]),
    lambda tx: sqrt("a"),
    lambda tx: length(n(tx)),
    lambda tx: n(tx) // 0,
    lambda tx: table([None])[0] & table([None])[0],
    lambda tx: [tx.let("x", 1), tx.let("x", "one")],
)
mistakes(
    "cannot_be_sent",
    lambda tx: tx.let("x", {"a": 1}),
    lambda tx: tx.let("x", {1, 2}),
    lambda tx: tx.let("x", object()),
    lambda tx: tx.let("x", timedelta(1)),
    lambda tx: tx.let("x", 2**63),
    lambda tx: n(tx) + -(2**63) - 1 - 2**64,
    lambda tx: tx.let("x", "a\0b"),
    lambda tx: tx.let("x", "\ud800"),
)
mistakes(
    "statements",
    lambda tx: tx.execute("SELECT $1, $2", 1),
    lambda tx: tx.execute("SELECT $1, $3", 1, 2),
    lambda tx: tx.execute("SELECT $1", 1, 2),
    lambda tx: tx.execute("SELECT 1", 1),
    lambda tx: tx.execute("SELECT $0"),
    lambda tx: tx.execute("SELECT '$1'", 1),
    lambda tx: tx.execute("SELECT %s", 1),
    lambda tx: tx.execute("SELECT %(id)s", 1),
    lambda tx: tx.execute("SELECT :id", 1),
    lambda tx: tx.execute("SELECT :id"),
    lambda tx: tx.execute("SELECT :id", {"id": 1}),
    lambda tx: tx.execute("SELECT 1; SELECT 2"),
    lambda tx: tx.execute(" -- nothing\n ;"),
    lambda tx: tx.execute("SELECT 'a"),
    lambda tx: tx.execute("SELECT $a$ x"),
    lambda tx: tx.execute("SELECT /* /* */ 1"),
    lambda tx: tx.execute("BEGIN"),
    lambda tx: tx.execute("commit"),
    lambda tx: tx.execute("ROLLBACK"),
    lambda tx: tx.execute("SAVEPOINT a"),
    lambda tx: tx.execute("COPY t FROM STDIN"),
    lambda tx: tx.execute("DISCARD ALL"),
    lambda tx: tx.execute(n(tx)),
    lambda tx: tx.execute("SELECT 1", rows=-1),
    lambda tx: tx.execute("SELECT 1", rows=(2, 1)),
    lambda tx: tx.execute("SELECT 1", rows=range(3, 3)),
    lambda tx: tx.execute("SELECT 1", rows="1"),
    lambda tx: tx.execute("SELECT 1", label=""),
    lambda tx: tx.fetch_value("SELECT 1", type=datetime),
    lambda tx: tx.fetch_value("SELECT 1", rows=0),
    lambda tx: tx.fetch_row("SELECT 1", types=()),
)
mistakes(
    "generators",
    lambda tx: uniform(9, 1),
    lambda tx: uniform(0.5, 1),
    lambda tx: uniform_float("a", 1),
    lambda tx: zipf(0, skew=1),
    lambda tx: zipf(10, skew=-1),
    lambda tx: zipf(10, skew=n(tx)),
    lambda tx: gaussian(1, 9, sigmas=0),
    lambda tx: exponential(1, 9, decay=0),
    lambda tx: nurand(255, 1, 9, c=256),
    lambda tx: choice([]),
    lambda tx: choice([1, "a"]),
    lambda tx: choice([1, 2], [1]),
    lambda tx: choice([1, 2], [0, 0]),
    lambda tx: choice([1, 2], [1, -1]),
    lambda tx: pattern("abc"),
    lambda tx: random_text(9, 1),
    lambda tx: random_text(-1),
    lambda tx: random_text(10, alphabet="äö"),
    lambda tx: vector(0),
    lambda tx: random_date(date(2024, 1, 2), date(2024, 1, 1)),
    lambda tx: random_date("2024-01-01", date(2024, 1, 1)),
    lambda tx: random_timestamp(date(2024, 1, 1), date(2024, 1, 2)),
    lambda tx: random_timestamp(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2)),  # noqa: DTZ001
)
mistakes(
    "functions",
    lambda tx: case(),
    lambda tx: case((n(tx), 1)),
    lambda tx: case((n(tx) > 1, 1), otherwise="a"),
    lambda tx: cast(n(tx), bool),
    lambda tx: text(),
    lambda tx: pad(n(tx), 0),
    lambda tx: pad("a", 3),
    lambda tx: least(),
    lambda tx: greatest(1, "a"),
    lambda tx: permute(n(tx), 0),
    lambda tx: hash_of("a"),
    lambda tx: hash_of(1, seed=1.5),
    lambda tx: table([]),
    lambda tx: table(range(1_000_001)),
    lambda tx: table([1, "a"]),
    lambda tx: table([n(tx)]),
    lambda tx: table(["a", "b"])[uniform(0, 2)],
    lambda tx: table(["a", "b"])[-1],
    lambda tx: table(["a", "b"])["a"],
)
mistakes(
    "steps",
    lambda tx: tx.let("", 1),
    lambda tx: tx.let("x" * 81, 1),
    lambda tx: tx.when(n(tx)),
    lambda tx: tx.block(isolation="snapshot"),
    lambda tx: tx.block(deferrable=True),
    lambda tx: tx.savepoint(),
    lambda tx: tx.abort(),
    lambda tx: tx.otherwise(),
    lambda tx: tx.repeat(0),
    lambda tx: tx.repeat(2.5),
    lambda tx: tx.repeat(tx.fetch_value("SELECT 3")),
    lambda tx: tx.repeat(uniform(1, 10**9)),
    lambda tx: tx.repeat(5, limit=3),
    lambda tx: tx.repeat(n(tx), limit=0),
    lambda tx: tx.think(-1),
    lambda tx: tx.think(4000),
    lambda tx: tx.check(n(tx) > 1, ""),
    lambda tx: tx.check(n(tx), "a"),
    lambda tx: tx.emit("stormdb.pool_wait_ns", 1),
    lambda tx: tx.emit("a", "b"),
    lambda tx: tx.let("x", 1),
)
mistakes(
    "copies",
    lambda tx: tx.copy_in("t", {}, rows=1, types={}),
    lambda tx: tx.copy_in("t;", {"a": 1}, rows=1, types={"a": "int4"}),
    lambda tx: tx.copy_in("t", {"a b": 1}, rows=1, types={"a b": "int4"}),
    lambda tx: tx.copy_in("t", {"a": 1}, rows=1, types={}),
    lambda tx: tx.copy_in("t", {"a": 1}, rows=1, types={"a": "int4", "b": "int4"}),
    lambda tx: tx.copy_in("t", {"a": 1}, rows=1, types={"a": "interval"}),
    lambda tx: tx.copy_in("t", {"a": "b"}, rows=1, types={"a": "integer"}),
    lambda tx: tx.copy_in("t", {"a": 1}, rows=tx.fetch_value("SELECT 1"), types={"a": "int4"}),
    lambda tx: tx.copy_in("t", {"a": pad(uniform(1, 9), 3)}, rows=9, types={"a": "text"}),
)


@mistake
def with_is_missing(tx: Tx) -> None:
    tx.when(n(tx) > 3)
    tx.execute("SELECT 1")


@mistake
def with_is_missing_at_the_end(tx: Tx) -> None:
    tx.execute("SELECT 1")
    tx.block()


@mistake
def a_block_in_a_block(tx: Tx) -> None:
    with tx.block(), tx.block():
        tx.execute("SELECT 1")


@mistake
def an_empty_block(tx: Tx) -> None:
    with tx.block():
        pass


@mistake
def a_loop_in_a_pipeline(tx: Tx) -> None:
    with tx.pipeline(), tx.repeat(3):
        tx.execute("SELECT 1")


@mistake
def a_pause_in_a_pipeline(tx: Tx) -> None:
    with tx.pipeline():
        tx.execute("SELECT 1")
        tx.think(1)


@mistake
def a_pipeline_that_reads_its_own_answers(tx: Tx) -> None:
    with tx.pipeline():
        a = tx.fetch_value("SELECT 1")
        tx.execute("SELECT $1", a)


@mistake
def set_on_one_way_only(tx: Tx) -> None:
    with tx.when(n(tx) > 3):
        a = tx.let("a", 1)
    tx.execute("SELECT $1", a)


@mistake
def set_in_otherwise_only(tx: Tx) -> None:
    with tx.when(n(tx) > 3):
        tx.execute("SELECT 1")
    with tx.otherwise():
        a = tx.let("a", 1)
    tx.execute("SELECT $1", a)


@mistake
def set_in_a_loop_only(tx: Tx) -> None:
    with tx.repeat(n(tx)) as turn:
        tx.execute("SELECT 1")
    tx.execute("SELECT $1", turn)


@mistake
def set_in_a_savepoint_only(tx: Tx) -> None:
    with tx.block():
        with tx.savepoint():
            a = tx.fetch_value("SELECT 1")
        tx.execute("SELECT $1", a)


@mistake
def drawn_twice(tx: Tx) -> None:
    a = uniform(1, 9)
    tx.execute("SELECT $1, $2", a, a + 1)


@mistake
def drawn_before_a_loop(tx: Tx) -> None:
    a = uniform(1, 9)
    with tx.repeat(3):
        tx.execute("SELECT $1", a)


@mistake
def computed_before_a_change(tx: Tx) -> None:
    total = tx.let("total", 1)
    more = total + 1
    tx.let("total", 5)
    tx.execute("SELECT $1", more)


@mistake
def computed_before_a_loop_that_changes_it(tx: Tx) -> None:
    total = tx.let("total", 1)
    more = total + 1
    with tx.repeat(3):
        tx.execute("SELECT $1", more)
        tx.let("total", total + 1)


@mistake
def steps_behind_an_abort(tx: Tx) -> None:
    with tx.block():
        tx.execute("SELECT 1")
        tx.abort()
        tx.execute("SELECT 2")


@mistake
def otherwise_after_something_else(tx: Tx) -> None:
    with tx.when(n(tx) > 3):
        tx.execute("SELECT 1")
    tx.execute("SELECT 2")
    with tx.otherwise():
        tx.execute("SELECT 3")


@mistake
def otherwise_twice(tx: Tx) -> None:
    with tx.when(n(tx) > 3):
        tx.execute("SELECT 1")
    with tx.otherwise():
        tx.execute("SELECT 2")
    with tx.otherwise():
        tx.execute("SELECT 3")


@mistake
def steps_too_deep(tx: Tx) -> None:
    def deeper(depth: int) -> None:
        with tx.when(True):
            if depth:
                deeper(depth - 1)
            tx.execute("SELECT 1")

    deeper(70)


@mistake
def operations_too_deep(tx: Tx) -> None:
    value = n(tx)
    for _ in range(100):
        value += 1
    tx.execute("SELECT $1", value)

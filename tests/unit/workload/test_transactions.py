"""The decorator, and how a workload's transactions are collected and weighted."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

from stormdb.errors import ProgramError
from stormdb.plugin import Config
from stormdb.program import compile_workload
from stormdb.workload import Tx, transaction
from stormdb.workload.transactions import describes_transactions, transactions_of
from tests.support.described import CONFIG, Described


class Base(Described):
    share = 30

    @transaction
    def read(self, tx: Tx) -> None:
        tx.execute("SELECT 1")

    @transaction(weight=lambda cfg: cfg.scale * 2, name="new order")
    def order(self, tx: Tx, cfg: Config) -> None:
        tx.execute("SELECT $1", cfg.scale)

    @transaction(weight=lambda self, cfg: self.share)
    def scan(self, tx: Tx) -> None:
        tx.execute("SELECT 2")


def names(workload: type[Described], cfg: Config = CONFIG) -> dict[str, int]:
    return {one.name: one.weight for one in transactions_of(workload(), cfg)}


def test_weights_are_numbers_or_follow_from_configuration_and_workload() -> None:
    assert names(Base, Config(workload="a", scale=4)) == {"read": 1, "new order": 8, "scan": 30}


def test_a_method_may_take_the_configuration() -> None:
    program = compile_workload(Base(), Config(workload="a", scale=4))
    execute: Any = program.transactions[1].steps[0].do
    assert execute.values[0].value == 4


def test_the_method_stays_a_method() -> None:
    assert Base.read.__name__ == "read"
    assert transaction(weight=3)(len_of) is len_of


def len_of(self: object, tx: Tx) -> None:
    """A function like a method."""


def test_subclasses_add_replace_and_leave_out() -> None:
    class Derived(Base):
        scan = None  # type: ignore[assignment]

        @transaction(weight=5)
        def read(self, tx: Tx) -> None:
            tx.execute("SELECT 3")

        @transaction
        def more(self, tx: Tx) -> None:
            tx.execute("SELECT 4")

    assert names(Derived) == {"read": 5, "new order": 2, "more": 1}
    assert describes_transactions(Derived())
    assert not describes_transactions(Described())


def test_a_transaction_that_is_overridden_by_accident_is_refused() -> None:
    class Derived(Base):
        def read(self, tx: Tx) -> None:
            tx.execute("SELECT 3")

    with pytest.raises(ProgramError, match=r"Derived\.read overrides the transaction") as caught:
        names(Derived)
    line = Derived.read.__code__.co_firstlineno
    assert caught.value.where == f"tests/unit/workload/test_transactions.py:{line}"
    assert caught.value.hint
    assert "read = None" in caught.value.hint


def test_a_wrapped_transaction_is_one() -> None:
    def twice(method: Callable[[Any, Tx], None]) -> Callable[[Any, Tx], None]:
        @wraps(method)
        def wrapper(self: Any, tx: Tx) -> None:
            method(self, tx)
            method(self, tx)

        return wrapper

    class Wrapped(Described):
        @twice
        @transaction(weight=2)
        def read(self, tx: Tx) -> None:
            tx.execute("SELECT 1")

    assert names(Wrapped) == {"read": 2}
    assert len(compile_workload(Wrapped(), CONFIG).transactions[0].steps) == 2


def test_two_of_one_name_are_refused() -> None:
    class Twice(Base):
        @transaction(name="read")
        def second(self, tx: Tx) -> None:
            tx.execute("SELECT 3")

    with pytest.raises(ProgramError, match="two transactions are named read: here and in "):
        names(Twice)


@pytest.mark.parametrize("weight", [-1, 0.5, "3", True, 2**32, None])
def test_weights_are_whole_numbers(weight: Any) -> None:
    with pytest.raises(ProgramError, match="the weight of the transaction len_of is "):
        transaction(weight=weight)(len_of)

    class Computed(Described):
        @transaction(weight=lambda cfg: weight)
        def read(self, tx: Tx) -> None:
            tx.execute("SELECT 1")

    with pytest.raises(ProgramError, match="the weight of the transaction read is "):
        names(Computed)


async def coroutine(self: object, tx: Tx) -> None:
    """What should be no coroutine."""


def generator(self: object, tx: Tx) -> Any:
    yield


def without_tx(self: object) -> None:
    """Lacks an argument."""


def keyword(self: object, *, tx: Tx) -> None:
    """Has an argument that must be named."""


def with_more(self: object, tx: Tx, cfg: Config, metrics: object) -> None:
    """Has too many."""


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (coroutine, "the transaction coroutine is a coroutine or a generator"),
        (generator, "the transaction generator is a coroutine or a generator"),
        (without_tx, "the transaction without_tx takes 1 arguments"),
        (keyword, "the transaction keyword takes 2 arguments"),
        (with_more, "the transaction with_more takes 4 arguments"),
        (Base, "@transaction stands before something that is no method"),
    ],
)
def test_what_describes_no_transaction(function: Any, message: str) -> None:
    with pytest.raises(ProgramError) as caught:
        transaction(function)
    assert caught.value.message == message
    assert "tests/unit/workload/test_transactions.py:" in str(caught.value.where)


@pytest.mark.parametrize("name", [" ", "a\nb", "x" * 81])
def test_names_can_be_printed(name: str) -> None:
    with pytest.raises(ProgramError, match="a transaction is named "):
        transaction(name=name)(len_of)

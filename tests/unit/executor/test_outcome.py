"""What an exception is counted as."""

from __future__ import annotations

import asyncpg
import pytest

from stormdb.executor.outcome import is_retryable, message_of, sqlstate_of


def _raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def _raised_while_handling(error: BaseException, handled: BaseException) -> BaseException:
    try:
        try:
            raise handled
        except BaseException:
            raise error  # noqa: B904
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "sqlstate"),
    [
        (asyncpg.UniqueViolationError("duplicate key"), "23505"),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"), "08003"),
        (asyncpg.AdminShutdownError("terminating connection"), "57P01"),
        (asyncpg.InterfaceError("cannot perform operation: connection is closed"), "08003"),
        (asyncpg.InterfaceError("another operation is in progress"), "PYEXC"),
        (asyncpg.InternalClientError("cannot switch to state 12"), "08006"),
        (ConnectionResetError("reset by peer"), "08006"),
        (TimeoutError(), "PYTMO"),
        (FileNotFoundError("words.txt"), "PYEXC"),
        (KeyError("id"), "PYEXC"),
        (SystemExit(3), "PYEXC"),
    ],
)
def test_an_exception_has_a_code(error: BaseException, sqlstate: str) -> None:
    assert sqlstate_of(error) == sqlstate


def test_the_servers_error_among_the_causes_decides() -> None:
    deadlock = asyncpg.DeadlockDetectedError("deadlock detected")
    assert sqlstate_of(_raised(RuntimeError("transfer failed"), deadlock)) == "40P01"
    assert sqlstate_of(_raised_while_handling(RuntimeError("failed"), deadlock)) == "40P01"
    nested = _raised(ValueError("outer"), _raised(RuntimeError("inner"), deadlock))
    assert sqlstate_of(nested) == "40P01"


def test_an_error_that_hides_its_cause_is_the_plugins_own() -> None:
    hidden = _raised_while_handling(KeyError("id"), asyncpg.DeadlockDetectedError("deadlock"))
    hidden.__suppress_context__ = True
    assert sqlstate_of(hidden) == "PYEXC"


def test_a_chain_that_bites_its_own_tail_comes_to_an_end() -> None:
    first, second = KeyError("a"), KeyError("b")
    first.__context__, second.__context__ = second, first
    assert sqlstate_of(first) == "PYEXC"


def test_serialization_failures_and_deadlocks_are_retryable() -> None:
    assert [is_retryable(code) for code in ("40001", "40P01", "40002", "57014", "PYEXC")] == [
        True, True, False, False, False
    ]  # fmt: skip


def test_the_server_speaks_for_itself_in_one_line() -> None:
    error = asyncpg.PostgresError.new(
        {"C": "23505", "M": "duplicate key value", "D": "Key (id)=(1) already exists."}
    )
    assert str(error).count("\n") == 1
    assert message_of(error, ()) == "duplicate key value"


def test_a_lost_connection_is_told_without_the_inside_of_asyncpg() -> None:
    error = _raised(asyncpg.InternalClientError("cannot switch to state 12; another operation (2)"))
    assert message_of(error, ()) == "the connection was lost"
    assert message_of(error, (__file__,)) == "the connection was lost (test_outcome.py:13)"


def test_an_exception_of_the_plugin_names_its_type_and_line() -> None:
    error = _raised(KeyError("id"))
    assert message_of(error, ()) == "KeyError: 'id'"
    assert message_of(error, (__file__,)) == "KeyError: 'id' (test_outcome.py:13)"
    assert message_of(ValueError(), ()) == "ValueError"

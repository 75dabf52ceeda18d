"""Programs through pgbouncer in transaction mode, where a session's server changes all the time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Database
from tests.it.session.conftest import Outcome, Protocol, execute, program_of
from tests.support.pgbouncer import POOL_SIZE, PROGRAM, knows_prepared_statements, pooling

CLIENTS = 6

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def pooled(database: Database) -> Iterator[Database]:
    with pooling(database) as reached:
        yield reached


def _describe(tx: Any) -> None:
    with tx.block():
        tx.execute("INSERT INTO seen VALUES (pg_backend_pid(), $1)", 7)
        tx.execute("SELECT count(*) FROM seen", rows=1)


def _execute(pooled: Database, protocol: Protocol) -> Outcome:
    return execute(pooled, program_of(_describe), protocol=protocol, seconds=0.5, workers=CLIENTS)


def _check(database: Database, outcome: Outcome) -> None:
    assert outcome.problems == []
    row = outcome.row()
    assert row.failed == {}, outcome.snapshot.examples
    [(count, session_count)] = database.fetch("SELECT count(*), count(DISTINCT pid) FROM seen")
    # Every transaction of all the clients went through the few sessions of the pool.
    assert count == row.committed > 50
    assert 1 <= session_count <= POOL_SIZE


@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_without_prepared_statements_any_pooler_will_do(
    database: Database, pooled: Database, protocol: Protocol
) -> None:
    database.fetch("CREATE TABLE seen (pid int, value int)")
    _check(database, _execute(pooled, protocol))


@pytest.mark.skipif(
    not knows_prepared_statements(),
    reason="pgbouncer knows prepared statements from 1.21 on",
)
def test_statements_are_prepared_through_a_pooler_that_knows_them(
    database: Database, pooled: Database
) -> None:
    database.fetch("CREATE TABLE seen (pid int, value int)")
    _check(database, _execute(pooled, "prepared"))


@pytest.mark.skipif(
    knows_prepared_statements(),
    reason="this pgbouncer knows prepared statements",
)
def test_a_pooler_that_does_not_know_them_is_told_with_the_way_out(
    database: Database, pooled: Database
) -> None:
    database.fetch("CREATE TABLE seen (pid int, value int)")
    with pytest.raises(pytest.fail.Exception, match=r"already exists \(SQLSTATE 42P05.*`extended`"):
        _execute(pooled, "prepared")

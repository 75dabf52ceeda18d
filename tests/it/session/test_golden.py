"""The program that has every step, operation and distribution, on a real server."""

from __future__ import annotations

import pytest

from tests.conftest import Database
from tests.it.session.conftest import Protocol, execute
from tests.unit.program.golden import programs

WORKERS = 4


@pytest.mark.parametrize("protocol", ["prepared", "extended"])
def test_everything_that_can_be_described_is_executed(
    database: Database, protocol: Protocol
) -> None:
    database.fetch("CREATE TABLE t (a int, b text, r bytea)")
    database.fetch("INSERT INTO t VALUES (7, 'seven', '\\x07')")
    database.fetch("CREATE TABLE event (id int8, note text, raw bytea)")
    program = programs()["everything"]
    outcome = execute(database, program.bytes, protocol=protocol, seconds=0.5, workers=WORKERS)
    steps = outcome.row("every step")
    # Each of them ends on purpose: nothing that it copied is left.
    assert steps.rolled_back > 0
    assert database.fetch("SELECT 1 FROM event") == []
    assert steps.committed == 0
    assert steps.failed == {}, outcome.snapshot.examples
    for name in ("distributions", "operations"):
        row = outcome.row(name)
        assert row.committed > 0
        assert row.failed == {}, outcome.snapshot.examples
    assert outcome.snapshot.values["total"].count == steps.rolled_back
    # Decks of 2, 1 and 1 for each worker; the last ones may be in the middle.
    operations = outcome.row("operations").committed
    assert abs(outcome.row("distributions").committed - 2 * operations) <= 2 * WORKERS
    assert abs(steps.rolled_back - operations) <= WORKERS
    assert outcome.problems == []

"""A run whose load goes through pgbouncer, and nothing else does."""

from __future__ import annotations

import pytest

from stormdb.errors import ConnectError
from tests.conftest import Database
from tests.it.run.native import run
from tests.support.pgbouncer import POOL_SIZE, PROGRAM, knows_prepared_statements, pooling

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


_PREPARED = pytest.param(
    "prepared",
    marks=pytest.mark.skipif(
        not knows_prepared_statements(), reason="pgbouncer knows prepared statements from 1.21 on"
    ),
)


@pytest.mark.skipif(
    knows_prepared_statements(), reason="pgbouncer that knows them takes protocol 3.2, too"
)
def test_a_pooler_that_refuses_protocol_3_2_is_named_with_the_key(database: Database) -> None:
    with (
        pooling(database, search_path="stormdb_described") as pooled,
        pytest.raises(ConnectError, match=r"leave database\.max_protocol_version out"),
    ):
        run(
            database,
            "how",
            database__pooler=f"{pooled.host}:{pooled.port}",
            database__max_protocol_version="3.2",
        )


@pytest.mark.parametrize("protocol", ["extended", "simple", _PREPARED])
def test_the_load_goes_through_the_pooler(database: Database, protocol: str) -> None:
    with pooling(database, search_path="stormdb_described") as pooled:
        ran = run(
            database,
            "how",
            duration="1s",
            workers=6,
            protocol=protocol,
            database__pooler=f"{pooled.host}:{pooled.port}",
        )
    row = ran.row("how")
    assert row.failed == {}, ran.whole.examples
    assert row.committed > 50
    assert ran.result.problem == ""
    [(session_count,)] = database.fetch(
        "SELECT count(DISTINCT value) FROM stormdb_described.setting WHERE name = 'pid'"
    )
    assert 1 <= session_count <= POOL_SIZE

"""The shared fixtures do what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from tests.conftest import Database


def test_a_database_is_empty_and_its_own(database: Database) -> None:
    assert database.fetch("SELECT current_database()")[0][0] == database.dbname
    assert database.fetch("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")[0][0] == 0
    database.fetch("CREATE TABLE left_behind ()")


async def test_a_database_serves_coroutines(database: Database) -> None:
    connection = await asyncpg.connect(database.dsn)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_statements") > 0
    finally:
        await connection.close()

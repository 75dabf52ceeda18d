"""Connections to a database of the test's own, and the command that works on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import Database
from tests.it.run.command import Command


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database.dsn)
    yield opened
    await opened.close()


@pytest.fixture
async def other_connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    opened = await asyncpg.connect(database.dsn)
    yield opened
    await opened.close()


@pytest.fixture
def stormdb(database: Database, tmp_path: Path) -> Command:
    """The command, on the test's database."""
    return Command(folder=tmp_path, database=database)


@pytest.fixture
def stormdb_alone(tmp_path: Path) -> Command:
    """The command without a server."""
    return Command(folder=tmp_path)

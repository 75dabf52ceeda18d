"""One embedded server for the whole folder, and a fresh database for each test."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from stormdb.server import EmbeddedServer

_numbers = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture
async def database(server: EmbeddedServer) -> AsyncIterator[str]:
    """Name of a database that is dropped after the test."""
    name = f"test_{next(_numbers)}"
    connection = await connect(server, server.dbname)
    await connection.execute(f"CREATE DATABASE {name}")
    yield name
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def connection(server: EmbeddedServer, database: str) -> AsyncIterator[asyncpg.Connection]:
    opened = await connect(server, database)
    yield opened
    await opened.close()


async def connect(server: EmbeddedServer, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=database,
    )

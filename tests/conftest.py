"""What every test may ask for: a real PostgreSQL server, and a database of the test's own.

`server` is one embedded server for the whole session (for each process, when tests run side by
side). `database` is a fresh, empty database on it, dropped after the test, whatever connections are
left open. Its `dsn` has the password in it.
A test that needs other settings starts its own `stormdb.server.EmbeddedServer(settings=…)`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import asyncpg
import pytest

from stormdb.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tests look at behaviour, never at speed: their server need not survive a loss of power.
FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}


# A job in the background may have been started with SIGINT ignored. Programs that tests start would
# inherit that, and not see the Ctrl-C that a test sends.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: most tests wait for a server, or for a run to end."""
    return (os.cpu_count() or 1) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """How to reach one database."""

    host: str
    port: int
    user: str
    password: str
    dbname: str

    @property
    def dsn(self) -> str:
        """A URL that libpq, asyncpg and psql take."""
        user, password, host, dbname = (
            quote(part, safe="") for part in (self.user, self.password, self.host, self.dbname)
        )
        return f"postgresql://{user}:{password}@{host}:{self.port}/{dbname}"

    def fetch(self, sql: str) -> list[asyncpg.Record]:
        """Run one statement from a test that is no coroutine."""

        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                database=self.dbname,
            )
            try:
                return await connection.fetch(sql)
            finally:
                await connection.close()

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(run())


def database_of(server: EmbeddedServer, dbname: str | None = None) -> Database:
    """How to reach a database of a server, by default the one that it was started with."""
    return Database(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        dbname=dbname or server.dbname,
    )


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """One server for all tests of the session."""
    with EmbeddedServer(settings=FAST_SETTINGS) as started:
        yield started


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[Database]:
    """An empty database for one test."""
    name = f"test_{secrets.token_hex(6)}"
    administration = database_of(server)
    administration.fetch(f"CREATE DATABASE {name}")
    yield database_of(server, name)
    administration.fetch(f"DROP DATABASE {name} WITH (FORCE)")

"""Databases that are made for a test and dropped after it, on a server of ours or a named one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from stormdb.config import load, resolve_target
from stormdb.errors import ConfigError, ConnectError, WorkloadError
from stormdb.run.connect import close, connect

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import ConnectTarget
    from stormdb.server import EmbeddedServer

__all__ = ["PREFIX", "InUseError", "ScratchDatabase", "ScratchServer"]

PREFIX = "stormdb_test_"
"""Names of databases and roles that the kit makes begin with it."""

_TRIES = 3

# Tests look at behaviour, not at speed: their server need not survive a loss of power.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_prepared_transactions": "20",
    "pg_stat_statements.track": "top",
}


class InUseError(WorkloadError):
    """A database that a session or a prepared transaction of the plugin holds on to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchDatabase:
    """How to reach one database.

    Attributes:
        keys: the section `database` of a configuration.
    """

    keys: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Of the database."""
        return str(self.keys["dbname"])

    @property
    def target(self) -> ConnectTarget:
        """As a run resolves it."""
        config = load(None, workload="any", flags={"database": dict(self.keys)}, environ={})
        return resolve_target(config.database)

    @property
    def url(self) -> str:
        """For libpq, psql and asyncpg; with the password in it."""
        target = self.target
        user, password, dbname, host = (
            quote(part, safe="")
            for part in (target.user, target.password or "", target.dbname, target.hosts[0])
        )
        login = f"{user}:{password}" if password else user
        return f"postgresql://{login}@{host}:{target.ports[0]}/{dbname}"

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for a block.

        Raises:
            ConnectError: the server cannot be reached.
        """
        connection = await connect(self.target, search_path=None)
        try:
            yield connection
        finally:
            await close(connection)

    def fetch(self, sql: str, *values: object) -> list[asyncpg.Record]:
        """Run one statement, from a test that is no coroutine."""

        async def run() -> list[asyncpg.Record]:
            async with self.connected() as connection:
                return list(await connection.fetch(sql, *values))

        return asyncio.run(run())

    def of_role(self, name: str, password: str) -> ScratchDatabase:
        """The same database for another role."""
        return ScratchDatabase(keys={**self.keys, "username": name, "password": password})


class ScratchServer:
    """A server that databases are made on. Made by `start`.

    Attributes:
        administration: the database that is connected to for making others.
    """

    def __init__(self, keys: Mapping[str, Any], embedded: EmbeddedServer | None) -> None:
        self.administration = ScratchDatabase(keys=keys)
        self._embedded = embedded

    @classmethod
    @contextmanager
    def start(cls, url: str = "") -> Iterator[ScratchServer]:
        """Start an embedded server, or take the one that a URL names.

        Raises:
            ConfigError: the URL cannot be used.
            ConnectError: the server cannot be started.
        """
        if url:
            config = load(None, workload="any", flags={"database.url": url}, environ={})
            given = config.database.model_dump(mode="json", by_alias=True, exclude_none=True)
            if config.database.password:
                given["password"] = config.database.password.get_secret_value()
            given.pop("url", None)
            given["dbname"] = resolve_target(config.database).dbname
            yield cls(given, None)
            return
        from stormdb.server import EmbeddedServer

        with EmbeddedServer(settings=_SETTINGS) as server:
            keys = {
                "type": "postgres",
                "host": str(server.socket_dir),
                "port": server.port,
                "username": server.user,
                "password": server.password,
                "dbname": server.dbname,
                "sslmode": "disable",
            }
            yield cls(keys, server)

    @property
    def is_ours(self) -> bool:
        """Whether the kit started it, and may restart it."""
        return self._embedded is not None

    async def restart(self) -> None:
        """Stop the server and start it again; every session ends."""
        assert self._embedded
        await asyncio.to_thread(self._embedded.restart)

    async def create(self, template: ScratchDatabase | None = None) -> ScratchDatabase:
        """Make a database, empty or as a copy of another one that nobody is connected to.

        Raises:
            ConfigError: the role may not.
            ConnectError: the server cannot be reached.
            InUseError: somebody is connected to the other one, or has prepared a transaction.
        """
        name = PREFIX + secrets.token_hex(6)
        await self._execute(
            f"CREATE DATABASE {name}" + (f" TEMPLATE {template.name}" if template else "")
        )
        return ScratchDatabase(keys={**self.administration.keys, "dbname": name})

    async def drop(self, database: ScratchDatabase) -> None:
        """Drop a database, whoever is connected to it."""
        async with self.administration.connected() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                database.name,
            )
            prepared = await connection.fetch(
                "SELECT quote_literal(gid) FROM pg_prepared_xacts WHERE database = $1",
                database.name,
            )
        if prepared:
            async with database.connected() as connection:
                for row in prepared:
                    await connection.execute(f"ROLLBACK PREPARED {row[0]}")
        await self._execute(f"DROP DATABASE IF EXISTS {database.name}")

    @asynccontextmanager
    async def scratch(
        self, template: ScratchDatabase | None = None
    ) -> AsyncIterator[ScratchDatabase]:
        """A database for a block."""
        database = await self.create(template)
        try:
            yield database
        finally:
            await self.drop(database)

    async def _execute(self, statement: str) -> None:
        import asyncpg

        async with self.administration.connected() as connection:
            for tries_left in reversed(range(_TRIES)):
                try:
                    await connection.execute(statement)
                except asyncpg.ObjectInUseError as error:
                    # A session that has just been closed, or told to end, takes a moment to do so:
                    # the server itself has waited for 5 s.
                    if not tries_left:
                        raise InUseError(
                            f"{error}: {error.detail}",
                            where=statement,
                            hint="let setup() leave no session and no prepared transaction behind",
                        ) from error
                except asyncpg.InsufficientPrivilegeError as error:
                    raise ConfigError(
                        f"the test kit makes databases of its own: {error}",
                        where=self.administration.target.label,
                        hint="ALTER ROLE … CREATEDB, or let stormdb start a server",
                    ) from error
                except asyncpg.PostgresError as error:
                    raise ConnectError(str(error), where=self.administration.name) from error
                else:
                    return

"""`database.plugin_role`: plugin code, and the load, with a role of their own on a real server."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import pytest

from stormdb.config import ConnectTarget, load, resolve_target
from stormdb.errors import ConfigError, ConnectError
from stormdb.run.role import reach_as_role
from stormdb.run.stages import Stages
from stormdb.server import EmbeddedServer
from tests.conftest import FAST_SETTINGS, Database, database_of
from tests.it.run.command import Command
from tests.it.run.native import Watcher

INTRUDER = Path(__file__).parent / "plugins" / "intruder.py"
PASSWORD = "of the plugin"
REFUSED = "42501"
OLDER = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role that may log in, and the words that let a plugin use it."""

    name: str
    words: tuple[str, ...]


@pytest.fixture
async def role(stormdb: Command, connection: asyncpg.Connection) -> AsyncIterator[Role]:
    name = f"plugin_{secrets.token_hex(6)}"
    await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    await connection.execute("CREATE TABLE public.payroll AS SELECT 1 AS cents")
    stormdb.environment["ROLE_PASSWORD"] = PASSWORD
    words = write_config(
        stormdb, f"database: {{plugin_role: {name}, plugin_password: '${{ROLE_PASSWORD}}'}}"
    )
    yield Role(name=name, words=(*words, *stormdb.server()))
    await connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def write_config(stormdb: Command, database: str) -> tuple[str, str]:
    file = stormdb.folder / "intrude.yaml"
    file.write_text(
        f"workload: intrude\nplugins: {{files: [{INTRUDER}]}}\nduration: 200ms\nworkers: 1\n"
        f"connections: 1\n{database}\n"
    )
    return ("-c", str(file))


async def test_a_plugin_with_a_role_of_its_own_stays_in_its_schema(
    stormdb: Command, connection: asyncpg.Connection, role: Role
) -> None:
    made = stormdb("run", *role.words, "--setup", "--set", "executor=coroutine")
    assert made.code in {0, 5}, made.err
    assert PASSWORD not in made.out + made.err
    assert "may do more" not in made.err
    native = stormdb("run", *role.words, "--set", "executor=native")
    assert native.code in {0, 5}, native.err
    rows = await connection.fetch("SELECT DISTINCT * FROM stormdb_intruder.attempt")
    assert {row["role"] for row in rows} == {role.name}
    assert {row["stage"] for row in rows} == {"setup", "run", "verify", "native"}
    assert {row["sqlstate"] for row in rows if row["stage"] != "native"} == {REFUSED}
    assert await connection.fetchval("SELECT cents FROM public.payroll") == 1
    dropped = stormdb("cleanup", *role.words, "--yes")
    assert dropped.code == 0, dropped.err
    assert await connection.fetchval("SELECT to_regnamespace('stormdb_intruder') IS NULL")


async def test_without_it_the_same_plugin_may_do_what_the_login_may(
    stormdb: Command, connection: asyncpg.Connection, role: Role
) -> None:
    words = (*write_config(stormdb, ""), *stormdb.server())
    run = stormdb("run", *words, "--setup", "--set", "executor=native")
    await connection.execute("DROP ROLE intruders_own")
    assert run.code == 3, run.err
    assert await connection.fetchval("SELECT cents FROM public.payroll") == 0
    later = stormdb("run", *role.words, "--setup")
    assert later.code == 1, later.err


async def test_a_function_in_public_is_not_taken_for_the_servers(
    stormdb: Command, connection: asyncpg.Connection, role: Role
) -> None:
    # As a plugin can leave it behind where everybody may create in public; an argument of type
    # name fits better than the server's own.
    await connection.execute(
        f"GRANT CREATE ON SCHEMA public TO PUBLIC; SET ROLE {role.name};"
        "CREATE FUNCTION public.quote_ident(name) RETURNS text LANGUAGE plpgsql AS "
        f"$$ BEGIN ALTER ROLE {role.name} SUPERUSER; RETURN $1; END $$; RESET ROLE"
    )
    options = ("--set", "database.options=-c search_path=public")
    run = stormdb("run", *role.words, *options, "--setup", "--set", "executor=native")
    assert "may create in schema public" in run.err
    assert not await connection.fetchval(
        "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = $1", role.name
    )


def test_one_role_for_two_plugins_is_refused(stormdb_alone: Command) -> None:
    (stormdb_alone.folder / "two.yaml").write_text(
        "database: {type: embedded, plugin_role: plugins}\nworkloads: {simple: {}, tpcb: {}}\n"
    )
    run = stormdb_alone("run", "-c", "two.yaml")
    assert run.code == 1, run.err
    assert "two.yaml:1: database.plugin_role: one role would let plugins simple, tpcb" in run.err


def test_an_embedded_server_gets_the_role(stormdb_alone: Command) -> None:
    words = write_config(stormdb_alone, "database: {type: embedded, plugin_role: of plugins}")
    run = stormdb_alone("run", *words, "--set", "executor=native")
    assert run.code in {0, 5}, run.err  # else verify() found that something was not refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP ROLE {role}", "the server has no role {role}"),
        ("ALTER ROLE {role} SUPERUSER", "role {role} is a superuser, so it keeps plugin code from"),
        ("GRANT {user} TO {role}", "role {role} is a member of {user}, so it keeps"),
        (
            "CREATE ROLE {role}_other ROLE {role}; GRANT pg_execute_server_program TO {role}_other",
            "role {role} is a member of pg_execute_server_program, so it keeps",
        ),
        (
            "CREATE ROLE {role}_other ROLE {role}; SET ROLE {role}_other",
            "role {role} is a member of {role}_other, so it keeps",
        ),
        ("ALTER ROLE {role} PASSWORD 'another'", "refused user '{role}'.*hint: give its password"),
        ("ALTER ROLE {role} NOLOGIN", "refused user '{role}'"),
    ],
)
async def test_a_role_that_will_not_do_is_refused(
    change: str, message: str, database: Database, connection: asyncpg.Connection, role: Role
) -> None:
    names = {"role": role.name, "user": database.user}
    await connection.execute(change.format(**names))
    try:
        with pytest.raises((ConfigError, ConnectError), match=message.format(**names)):
            await reach(database, connection, role)
    finally:
        await connection.execute(f"RESET ROLE; DROP ROLE IF EXISTS {role.name}_other")
        if change.startswith("DROP"):
            await connection.execute(f"CREATE ROLE {role.name}")


@pytest.mark.skipif(not OLDER.is_dir(), reason="PostgreSQL 15 of Debian is not installed")
async def test_before_postgresql_16_a_role_that_may_create_roles_is_refused() -> None:
    with EmbeddedServer(pg_bin=OLDER, settings=FAST_SETTINGS) as older:
        database = database_of(older)
        connection = await asyncpg.connect(database.dsn)
        try:
            await connection.execute(f"CREATE ROLE maker LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
            with pytest.raises(ConfigError, match="may create roles, and before PostgreSQL 16"):
                await reach(database, connection, Role(name="maker", words=()))
        finally:
            await connection.close()


async def test_a_superuser_of_an_embedded_server_keeps_its_password(
    database: Database, connection: asyncpg.Connection, role: Role
) -> None:
    await connection.execute(f"ALTER ROLE {role.name} SUPERUSER")
    flags = {"database.type": "embedded", "database.plugin_role": role.name}
    config = load(None, workload="intrude", flags=flags, environ={})
    with pytest.raises(ConfigError, match="is a superuser"):
        await reach_as_role(
            config, target_of(database), connection, "stormdb_intruder", Stages(Watcher())
        )
    login = await asyncpg.connect(replace(database, user=role.name, password=PASSWORD).dsn)
    await login.close()


async def test_a_role_with_rights_elsewhere_is_told(
    database: Database, connection: asyncpg.Connection, role: Role
) -> None:
    await connection.execute(
        f"""
        GRANT pg_monitor TO {role.name};
        ALTER ROLE {role.name} CREATEDB;
        CREATE SCHEMA shop;
        GRANT USAGE, CREATE ON SCHEMA shop TO {role.name};
        CREATE TABLE shop.secret (cents int);
        CREATE TABLE shop.sale (cents int);
        GRANT SELECT (cents) ON shop.sale TO {role.name};
        CREATE SEQUENCE shop.sale_number;
        GRANT UPDATE ON SEQUENCE shop.sale_number TO {role.name};
        CREATE VIEW shop.total AS SELECT 1;
        ALTER VIEW shop.total OWNER TO {role.name};
        CREATE SCHEMA stormdb_intruder;
        CREATE TABLE stormdb_intruder.mine ();
        ALTER TABLE stormdb_intruder.mine OWNER TO {role.name};
        """
    )
    (warning,) = await reach(database, connection, role)
    assert (
        "may do more than work in its schema: it may create databases, is a member of pg_monitor, "
        "may create in schema shop, may use shop.sale, shop.sale_number, shop.total; hint:"
        in warning
    )


async def reach(database: Database, connection: asyncpg.Connection, role: Role) -> list[str]:
    """Try the role; the warnings."""
    flags = server_flags(database)
    flags |= {"database.plugin_role": role.name, "database.plugin_password": PASSWORD}
    config = load(None, workload="intrude", flags=flags, environ={})
    stages = Stages(watcher := Watcher())
    await reach_as_role(config, target_of(database), connection, "stormdb_intruder", stages)
    return watcher.warnings


def target_of(database: Database) -> ConnectTarget:
    config = load(None, workload="intrude", flags=server_flags(database), environ={})
    return resolve_target(config.database, environ={})


def server_flags(database: Database) -> dict[str, str | int]:
    """How to log in as the configured role."""
    return {
        "database.host": database.host,
        "database.port": database.port,
        "database.username": database.user,
        "database.password": database.password,
        "database.dbname": database.dbname,
    }

"""Schema ownership on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from stormdb.errors import ConfigError
from stormdb.run.schema import Marker, PluginSchema

MARKER = Marker(
    plugin="bank",
    plugin_version="1.0.0",
    workload="bank_read",
    scale=3,
    stormdb="0.1.0",
    created="2025-01-01T00:00:00+00:00",
)


async def test_a_created_schema_reads_back_its_marker(connection: asyncpg.Connection) -> None:
    schema = PluginSchema(connection, "bank")
    assert await schema.marker() is None
    await schema.create(MARKER)
    assert await schema.marker() == MARKER
    await schema.mark(MARKER.completed())
    found = await schema.marker()
    assert found is not None
    assert found.is_complete
    assert await connection.fetchval("SELECT to_regnamespace('stormdb_bank') IS NOT NULL")


@pytest.mark.parametrize("comment", [None, "mine", "[1]", '{"made_by": "stormdb"}'])
async def test_a_schema_without_a_marker_is_refused(
    connection: asyncpg.Connection, comment: str | None
) -> None:
    await connection.execute("CREATE SCHEMA stormdb_bank")
    if comment:
        await connection.execute(f"COMMENT ON SCHEMA stormdb_bank IS '{comment}'")
    schema = PluginSchema(connection, "bank")
    with pytest.raises(ConfigError, match="was not made by stormdb"):
        await schema.marker()
    with pytest.raises(ConfigError, match="was not made by stormdb"):
        await schema.drop()
    assert await schema.exists()


async def test_the_marker_of_another_plugin_is_refused(connection: asyncpg.Connection) -> None:
    other = PluginSchema(connection, "shop")
    await connection.execute("CREATE SCHEMA stormdb_shop")
    await other.mark(MARKER)
    with pytest.raises(ConfigError, match="was not made by stormdb"):
        await other.drop()


async def test_drop_removes_the_schema_and_nothing_else(connection: asyncpg.Connection) -> None:
    schema = PluginSchema(connection, "bank")
    await schema.create(MARKER)
    await connection.execute(
        "CREATE TABLE stormdb_bank.account (id int PRIMARY KEY, note text DEFAULT 'x');"
        "CREATE TABLE stormdb_bank.part (LIKE stormdb_bank.account) PARTITION BY RANGE (id);"
        "CREATE TABLE stormdb_bank.part_1 PARTITION OF stormdb_bank.part DEFAULT;"
        "CREATE FUNCTION stormdb_bank.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE TABLE public.kept (id int PRIMARY KEY); CREATE VIEW public.seen AS TABLE kept;"
    )
    await schema.drop()
    assert not await schema.exists()
    assert await connection.fetchval("SELECT count(*) FROM public.seen") == 0


@pytest.mark.parametrize(
    ("dependent", "named"),
    [
        ("CREATE VIEW public.mine AS TABLE stormdb_bank.account", "view public.mine"),
        (
            "CREATE TABLE public.mine (a int CONSTRAINT ties REFERENCES stormdb_bank.account)",
            "constraint ties",
        ),
        ("CREATE TABLE public.mine () INHERITS (stormdb_bank.account)", "table public.mine"),
        (
            "CREATE TABLE public.mine (a int DEFAULT stormdb_bank.f())",
            "default of public.mine column 1",
        ),
        ("CREATE TABLE public.mine (a stormdb_bank.mood)", "column public.mine.a"),
        (
            """CREATE TABLE public.mine (a int);
            CREATE TRIGGER t BEFORE INSERT ON public.mine EXECUTE FUNCTION stormdb_bank.g()""",
            "trigger t on public.mine",
        ),
        (
            "CREATE FUNCTION public.mine(stormdb_bank.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function mine",
        ),
    ],
)
async def test_what_depends_on_the_schema_from_outside_is_not_dropped_with_it(
    connection: asyncpg.Connection, dependent: str, named: str
) -> None:
    schema = PluginSchema(connection, "bank")
    await schema.create(MARKER)
    await connection.execute(
        "CREATE TABLE stormdb_bank.account (id int PRIMARY KEY);"
        "CREATE FUNCTION stormdb_bank.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION stormdb_bank.g() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END';"
        "CREATE TYPE stormdb_bank.mood AS ENUM ('ok');"
    )
    await connection.execute(dependent)
    with pytest.raises(ConfigError, match="outside of the schema") as caught:
        await schema.drop()
    assert named in str(caught.value)
    assert await schema.exists()


async def test_a_view_that_would_be_dropped_is_named_without_its_columns(
    connection: asyncpg.Connection,
) -> None:
    schema = PluginSchema(connection, "bank")
    await schema.create(MARKER)
    await connection.execute(
        "CREATE TABLE stormdb_bank.account (id int, note text);"
        "CREATE VIEW public.mine AS TABLE stormdb_bank.account"
    )
    with pytest.raises(ConfigError) as caught:
        await schema.drop()
    assert caught.value.message == "view public.mine outside of the schema would be dropped with it"


@pytest.fixture
async def stranger(connection: asyncpg.Connection) -> AsyncIterator[str]:
    """A role of somebody else, who may write into every schema."""
    await connection.execute("CREATE ROLE stranger")
    yield "stranger"
    await connection.execute("DROP OWNED BY stranger CASCADE; DROP ROLE stranger")


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("CREATE TABLE stormdb_bank.notes (id serial)", "table stormdb_bank.notes of role strange"),
        (
            "CREATE FUNCTION stormdb_bank.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function stormdb_bank.f() of role stranger",
        ),
        ("CREATE TYPE stormdb_bank.mood AS ENUM ('ok')", "type stormdb_bank.mood of role stranger"),
    ],
)
async def test_what_another_role_keeps_in_the_schema_is_not_dropped_with_it(
    connection: asyncpg.Connection, stranger: str, made: str, named: str
) -> None:
    schema = PluginSchema(connection, "bank")
    await schema.create(MARKER)
    await connection.execute(
        f"GRANT ALL ON SCHEMA stormdb_bank TO {stranger}; SET ROLE {stranger}; {made}; RESET ROLE"
    )
    with pytest.raises(ConfigError) as caught:
        await schema.drop()
    assert named in caught.value.message
    assert await schema.exists()


async def test_what_the_schemas_owner_made_is_dropped_by_a_superuser(
    connection: asyncpg.Connection, stranger: str
) -> None:
    schema = PluginSchema(connection, "bank")
    await schema.create(MARKER)
    await connection.execute(
        f"ALTER SCHEMA stormdb_bank OWNER TO {stranger};"
        f"SET ROLE {stranger}; CREATE TABLE stormdb_bank.account (id serial); RESET ROLE;"
        "CREATE TABLE stormdb_bank.mine ()"
    )
    await schema.drop()
    assert not await schema.exists()


async def test_what_an_extension_made_for_a_superuser_is_dropped_with_the_extension(
    connection: asyncpg.Connection, stranger: str
) -> None:
    dbname = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"GRANT CREATE ON DATABASE {dbname} TO {stranger}; SET ROLE stranger")
    schema = PluginSchema(connection, "bank")
    await schema.create(MARKER)
    await connection.execute("CREATE EXTENSION citext SCHEMA stormdb_bank")
    await schema.drop()
    assert not await schema.exists()
    await connection.execute("RESET ROLE")


async def test_a_superusers_table_in_the_schema_of_another_role_is_not_dropped(
    connection: asyncpg.Connection, stranger: str
) -> None:
    schema = PluginSchema(connection, "bank")
    await schema.create(MARKER)
    await connection.execute(
        f"CREATE TABLE stormdb_bank.notes (); ALTER SCHEMA stormdb_bank OWNER TO {stranger};"
        f"SET ROLE {stranger}"
    )
    with pytest.raises(ConfigError, match="notes of role postgres would be dropped"):
        await schema.drop()
    await connection.execute("RESET ROLE")


async def test_runs_share_the_lock_and_a_setup_has_it_alone(
    connection: asyncpg.Connection, other_connection: asyncpg.Connection
) -> None:
    mine, other = PluginSchema(connection, "bank"), PluginSchema(other_connection, "bank")
    await mine.lock(exclusive=True)
    with pytest.raises(ConfigError, match=r"another run .*: server process \d+, from 127"):
        await other.lock(exclusive=False)
    await mine.share_lock()
    await other.lock(exclusive=False)
    with pytest.raises(ConfigError, match="another run"):
        await mine.lock(exclusive=True)


async def test_two_plugins_do_not_lock_each_other(
    connection: asyncpg.Connection, other_connection: asyncpg.Connection
) -> None:
    await PluginSchema(connection, "bank").lock(exclusive=True)
    await PluginSchema(other_connection, "shop").lock(exclusive=True)

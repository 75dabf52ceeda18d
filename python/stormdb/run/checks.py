"""What is checked on the server before anything is changed or loaded there."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from stormdb.errors import ConnectError, PluginError

if TYPE_CHECKING:
    import asyncpg

    from stormdb.plugin import PluginMetadata

__all__ = ["check_connections", "check_needs"]


async def check_needs(
    connection: asyncpg.Connection,
    metadata: PluginMetadata,
    version_num: int,
    *,
    may_create: bool,
) -> list[str]:
    """Make sure that the server is one that the plugin can work with.

    Args:
        connection: to the database.
        metadata: of the plugin.
        version_num: of the server, such as 180006.
        may_create: create the extensions that the plugin requires and the database lacks.

    Returns:
        The names of the extensions that were created.

    Raises:
        PluginError: the server is too old, or an extension is missing or may not be created.
    """
    from stormdb.plugins import server_problems

    rows = await connection.fetch(
        "SELECT name, installed_version FROM pg_catalog.pg_available_extensions"
    )
    is_installed = {row["name"]: row["installed_version"] is not None for row in rows}
    if problems := server_problems(metadata, version_num, is_installed):
        unknown = [name for name in metadata.required_extensions if name not in is_installed]
        near = get_close_matches(unknown[0], is_installed, n=1) if unknown else []
        raise PluginError(
            f"plugin {metadata.name} {'; it '.join(problems)}",
            hint=f"there is an extension {near[0]}: did the plugin mean that?" if near else None,
        )
    missing = [name for name in metadata.required_extensions if not is_installed[name]]
    if missing and not may_create:
        raise PluginError(
            f"plugin {metadata.name} needs the PostgreSQL extension {', '.join(missing)}, which "
            "is not in this database",
            hint="run with --create-extensions, or as a superuser: "
            + "; ".join(f"CREATE EXTENSION {_quoted(name)}" for name in missing),
        )
    for name in missing:
        await _create(connection, name, metadata.name)
    return missing


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _create(connection: asyncpg.Connection, name: str, plugin: str) -> None:
    import asyncpg

    try:
        async with connection.transaction():
            # An extension that has a schema of its own keeps it; the others go to public, where
            # dropping a workload's schema does not take them along.
            await connection.execute("SET LOCAL search_path = public")
            await connection.execute(f"CREATE EXTENSION IF NOT EXISTS {_quoted(name)} CASCADE")
    except asyncpg.PostgresError as error:
        raise PluginError(
            f"the PostgreSQL extension {name}, which plugin {plugin} needs, cannot be created: "
            f"{error} ({error.sqlstate})",
            hint=f"ask a superuser of the database for CREATE EXTENSION {_quoted(name)}",
        ) from error


async def check_connections(
    connection: asyncpg.Connection, wanted: int, where: str, role: str | None = None
) -> None:
    """Refuse a pool that the server has no room for.

    Args:
        connection: to the database; it is not counted.
        wanted: size of the pool.
        where: the place of that number in the configuration.
        role: whom the pool logs in as; None for the role of this connection.

    Raises:
        ConnectError: there are not enough free connections.
    """
    row = await connection.fetchrow(
        """
        SELECT current_setting('max_connections')::int AS most,
               current_setting('superuser_reserved_connections')::int
               + coalesce(current_setting('reserved_connections', true)::int, 0) AS reserved,
               rolsuper AS is_superuser, rolconnlimit AS of_role,
               (SELECT count(*) FROM pg_catalog.pg_stat_activity
                WHERE datid IS NOT NULL AND usesysid IS NOT NULL) AS used,
               (SELECT datconnlimit FROM pg_catalog.pg_database
                WHERE datname = current_database()) AS of_database
        FROM pg_catalog.pg_roles WHERE rolname = coalesce($1, current_user)
        """,
        role,
    )
    assert row is not None
    reserved = 0 if row["is_superuser"] else row["reserved"]
    free = row["most"] - reserved - row["used"]
    reason = f"max_connections is {row['most']}, {row['used']} are in use"
    if reserved:
        reason += f", {reserved} are reserved"
    for limit, name in ((row["of_database"], "database"), (row["of_role"], "role")):
        if limit >= 0 and not row["is_superuser"] and limit - 1 < free:
            free, reason = limit - 1, f"the {name} has a CONNECTION LIMIT of {limit}"
    if wanted > free:
        raise ConnectError(
            f"the pool needs {wanted} connections, the server has {max(free, 0)} free: {reason}",
            where=where,
            hint=f"set connections to at most {max(free, 1)}, or raise the server's limit",
        )

"""The role that plugin code logs in as, if it is not the configured one; see docs/security.md."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stormdb import logs
from stormdb.config import resolve_plugin_target
from stormdb.errors import ConfigError, ConnectError
from stormdb.run.connect import close, connect

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import ConnectTarget, RunConfig
    from stormdb.run.stages import Stages

__all__ = ["reach_as_role"]

_KEY = "database.plugin_role"


async def reach_as_role(
    config: RunConfig,
    target: ConnectTarget,
    connection: asyncpg.Connection,
    schemas: Sequence[str],
    stages: Stages,
) -> ConnectTarget:
    """How plugin code logs in; in an embedded server, its role is made.

    Args:
        config: of the run.
        target: how the controller logs in.
        connection: the controller's own.
        schemas: names of the plugins' schemas.
        stages: told what the role may do elsewhere.

    Raises:
        ConfigError: there is no such role, or it bounds nothing.
        ConnectError: the server does not let it in.
    """
    role, where = config.database.plugin_role, config.where(_KEY)
    if role is None:
        return target
    if config.database.type == "embedded":
        password = secrets.token_urlsafe(18)
        logs.hide(password)
        await _make(connection, role, password)
        found = replace(target, user=role, password=password)
    else:
        found = resolve_plugin_target(config.database, target)
        logs.hide(found.password or "")
    await _check(connection, role, schemas, where, stages)
    try:
        await close(await connect(found))
    except ConnectError as error:
        raise ConnectError(
            error.message,
            where=where,
            hint="; ".join(("give its password in database.plugin_password", *found.notices))
            if "28P01" in error.message
            else error.hint,
        ) from error
    return found


async def _make(connection: asyncpg.Connection, role: str, password: str) -> None:
    """Make the role of an embedded server unless it is there, with a new password."""
    name = await connection.fetchval("SELECT quote_ident($1)", role)
    is_there = await connection.fetchval("SELECT to_regrole($1) IS NOT NULL", name)
    async with connection.transaction():
        await connection.execute("SET LOCAL log_statement = none")
        await connection.execute("SET LOCAL log_min_duration_statement = -1")
        verb = "ALTER" if is_there else "CREATE"
        await connection.execute(f"{verb} ROLE {name} LOGIN PASSWORD '{password}'")


async def _check(
    connection: asyncpg.Connection, role: str, schemas: Sequence[str], where: str, stages: Stages
) -> None:
    """Refuse a role that bounds nothing; tell of one that may do more than it should."""
    row = await connection.fetchrow(_RIGHTS, role, schemas)
    if row is None:
        raise ConfigError(
            f"the server has no role {role}",
            where=where,
            hint=f"let an administrator make it: CREATE ROLE {role} LOGIN PASSWORD …",
        )
    if row["rolsuper"] or row["is_own"]:
        what = "a superuser" if row["rolsuper"] else "the role that stormdb logs in as"
        raise ConfigError(
            f"role {role} is {what}, so it keeps plugin code from nothing",
            where=where,
            hint="let an administrator make another: CREATE ROLE … LOGIN PASSWORD …",
        )
    if more := row["more"]:
        stages.warn(
            f"{where}: role {role} may do more than work in its schema: it {', '.join(more)}; "
            "hint: revoke that, see docs/security.md"
        )


_RIGHTS = """
SELECT rolsuper, rolname = current_user AS is_own, array_remove(ARRAY[
    CASE WHEN rolcreaterole THEN 'may create roles' END,
    CASE WHEN rolcreatedb THEN 'may create databases' END,
    CASE WHEN rolreplication THEN 'may replicate' END,
    CASE WHEN rolbypassrls THEN 'passes row-level security' END,
    CASE WHEN has_database_privilege(role.oid, current_database(), 'CREATE')
         THEN 'may create schemas' END
] || ARRAY(
    SELECT 'is a member of ' || quote_ident(parent.rolname)
    FROM pg_catalog.pg_auth_members JOIN pg_catalog.pg_roles AS parent ON parent.oid = roleid
    WHERE member = role.oid ORDER BY 1
) || ARRAY(
    SELECT 'may create in schema ' || quote_ident(nspname) FROM pg_catalog.pg_namespace
    WHERE has_schema_privilege(role.oid, pg_namespace.oid, 'CREATE')
      AND nspname <> ALL ($2) AND nspname !~ '^pg_(temp|toast)' ORDER BY 1
), NULL) AS more
FROM pg_catalog.pg_roles AS role WHERE rolname = $1
"""

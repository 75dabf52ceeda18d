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
from stormdb.run.schema import listing

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import ConnectTarget, RunConfig
    from stormdb.run.stages import Stages

__all__ = ["check_one_plugin", "reach_as_role"]

_KEY = "database.plugin_role"


def check_one_plugin(config: RunConfig, plugins: Sequence[str]) -> None:
    """Plugins with one role would own, and could change, each other's data.

    Args:
        config: of the run.
        plugins: names of the plugins of its workloads.

    Raises:
        ConfigError: there is such a role, and more than one plugin.
    """
    names = list(dict.fromkeys(plugins))
    if config.database.plugin_role is not None and len(names) > 1:
        raise ConfigError(
            f"one role would let plugins {listing(names)} change each other's data",
            where=config.where(_KEY),
            hint="give each plugin a run and a role of its own, or leave the key out",
        )


async def reach_as_role(
    config: RunConfig,
    target: ConnectTarget,
    connection: asyncpg.Connection,
    schema: str,
    stages: Stages,
) -> ConnectTarget:
    """How plugin code logs in; in an embedded server, its role is made.

    Args:
        config: of the run.
        target: how the controller logs in.
        connection: the controller's own.
        schema: name of the plugin's schema.
        stages: told what the role may do elsewhere.

    Raises:
        ConfigError: there is no such role, or it bounds nothing.
        ConnectError: the server does not let it in.
    """
    role, where = config.database.plugin_role, config.where(_KEY)
    if role is None:
        return target
    if config.database.type == "embedded":
        await _make(connection, role)
        await _check(connection, role, schema, where, stages)
        # Not before the check: a role of somebody's that will not do keeps its password.
        password = secrets.token_urlsafe(18)
        logs.hide(password)
        await _let_in(connection, role, password)
        found = replace(target, user=role, password=password)
    else:
        found = resolve_plugin_target(config.database, target)
        logs.hide(found.password or "")
        await _check(connection, role, schema, where, stages)
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


async def _make(connection: asyncpg.Connection, role: str) -> None:
    """Make the role of an embedded server unless it is there."""
    name = await connection.fetchval("SELECT quote_ident($1)", role)
    if await connection.fetchval("SELECT to_regrole($1) IS NULL", name):
        await connection.execute(f"CREATE ROLE {name}")


async def _let_in(connection: asyncpg.Connection, role: str, password: str) -> None:
    """Let the role of an embedded server log in with a new password, which is not logged."""
    name = await connection.fetchval("SELECT quote_ident($1)", role)
    async with connection.transaction():
        await connection.execute("SET LOCAL log_statement = none")
        await connection.execute("SET LOCAL log_min_duration_statement = -1")
        await connection.execute(f"ALTER ROLE {name} LOGIN PASSWORD '{password}'")


async def _check(
    connection: asyncpg.Connection, role: str, schema: str, where: str, stages: Stages
) -> None:
    """Refuse a role that bounds nothing; tell of one that may do more than it should."""
    row = await connection.fetchrow(_RIGHTS, role, schema)
    if row is None:
        raise ConfigError(
            f"the server has no role {role}",
            where=where,
            hint=f"let an administrator make it: CREATE ROLE {role} LOGIN PASSWORD …",
        )
    if unbounded := row["unbounded"]:
        raise ConfigError(
            f"role {role} is {unbounded[0]}, so it keeps plugin code from nothing",
            where=where,
            hint="let an administrator make another: CREATE ROLE … LOGIN PASSWORD …",
        )
    more = list(row["more"])
    if row["relations"]:
        more.append(f"may use {listing(row['relations'])}")
    if more:
        stages.warn(
            f"{where}: role {role} may do more than work in its schema: it {', '.join(more)}; "
            "hint: revoke that, see docs/security.md"
        )


# What an extension brings is the business of whoever made the extension. Without USAGE on its
# schema, a right to a relation is of no use.
_RIGHTS = """
SELECT array_remove(ARRAY[
    CASE WHEN rolsuper THEN 'a superuser'
         WHEN rolname IN (current_user, session_user) THEN 'the role that stormdb logs in as'
         WHEN rolcreaterole AND current_setting('server_version_num')::int < 160000
         THEN 'one that may create roles, and before PostgreSQL 16 join most others' END
] || ARRAY(
    SELECT 'a member of ' || quote_ident(parent.rolname)
    FROM pg_catalog.pg_roles AS parent
    WHERE parent.oid <> role.oid AND pg_has_role(role.oid, parent.oid, 'MEMBER')
      AND (parent.rolsuper OR parent.rolname IN (
          current_user, session_user,
          'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
    ORDER BY 1
), NULL) AS unbounded, array_remove(ARRAY[
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
      AND nspname <> $2 AND nspname !~ '^pg_(temp|toast)' ORDER BY 1
), NULL) AS more, ARRAY(
    SELECT quote_ident(nspname) || '.' || quote_ident(relname)
    FROM pg_catalog.pg_class AS relation
         JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname NOT IN ($2, 'information_schema') AND nspname !~ '^pg_'
      AND has_schema_privilege(role.oid, relnamespace, 'USAGE')
      AND CASE
          WHEN relkind = 'S' THEN
              has_sequence_privilege(role.oid, relation.oid, 'USAGE, SELECT, UPDATE')
          WHEN relkind IN ('r', 'p', 'v', 'm', 'f') THEN
              pg_has_role(role.oid, relowner, 'USAGE')
              OR has_table_privilege(role.oid, relation.oid, 'DELETE, TRUNCATE, TRIGGER')
              OR has_any_column_privilege(
                  role.oid, relation.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
          ELSE false END
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend
          WHERE classid = 'pg_class'::regclass AND objid = relation.oid AND deptype = 'e')
    ORDER BY 1
) AS relations
FROM pg_catalog.pg_roles AS role WHERE rolname = $1
"""

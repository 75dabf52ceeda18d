"""The schema that a plugin owns: how it is marked, locked, made and dropped.

A schema is stormdb's if its comment carries the marker of the plugin it is named after; nothing
else is ever dropped. See docs/adr/0007-schema-ownership.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Self

from stormdb.errors import ConfigError

if TYPE_CHECKING:
    import asyncpg

__all__ = ["Marker", "PluginSchema", "listing", "schema_name"]

_MADE_BY = "stormdb"
_FORMAT = 1


def schema_name(plugin: str) -> str:
    """Name of the schema that a plugin's objects live in."""
    return f"stormdb_{plugin}"


def listing(names: Sequence[str]) -> str:
    """The first names, and how many there are besides."""
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What the comment on a schema says.

    Attributes:
        plugin: the plugin that the schema belongs to.
        plugin_version: version of the plugin that made the data.
        workload: the workload type whose setup made the data.
        scale: amount of data.
        plugin_role: the role that its plugin logged in as; "" for the one that made the schema.
        setup: `incomplete` from the first to the last moment of a setup, then `complete`.
        stormdb: version of stormdb.
        created: when the schema was made, ISO 8601, UTC.
    """

    plugin: str
    plugin_version: str
    workload: str
    scale: int
    setup: str = "incomplete"
    stormdb: str
    created: str
    plugin_role: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether the data can be used."""
        return self.setup == "complete"

    def completed(self) -> Self:
        """The same after the setup went well."""
        return replace(self, setup="complete")

    def to_comment(self) -> str:
        """Text for `COMMENT ON SCHEMA`."""
        return json.dumps({"made_by": _MADE_BY, "format": _FORMAT, **asdict(self)})

    @classmethod
    def from_comment(cls, comment: str | None) -> Marker | None:
        """What a comment says; None if stormdb did not write it."""
        try:
            found = json.loads(comment or "")
        except ValueError:
            return None
        if not isinstance(found, dict) or found.pop("made_by", None) != _MADE_BY:
            return None
        known = {name: found[name] for name in cls.__slots__ if name in found}
        try:
            return cls(**known)
        except TypeError:  # a key is missing: not a marker of this or an older format
            return None


class PluginSchema:
    """The schema of one plugin, seen over one connection.

    Args:
        connection: to the database; it holds the lock, so it must stay open during the run.
        plugin: name of the plugin.
    """

    def __init__(self, connection: asyncpg.Connection, plugin: str) -> None:
        self._connection = connection
        self._plugin = plugin
        self.name = schema_name(plugin)

    async def exists(self) -> bool:
        """Whether a schema of that name is there, whoever made it."""
        query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)"
        return bool(await self._connection.fetchval(query, self.name))

    async def marker(self) -> Marker | None:
        """The schema's marker; None if there is no schema.

        Raises:
            ConfigError: the schema is there, but this plugin's marker is not.
        """
        if not await self.exists():
            return None
        comment = await self._connection.fetchval(
            "SELECT pg_catalog.obj_description(oid, 'pg_namespace')"
            " FROM pg_catalog.pg_namespace WHERE nspname = $1",
            self.name,
        )
        marker = Marker.from_comment(comment)
        if marker is None or marker.plugin != self._plugin:
            raise ConfigError(
                "the schema was not made by stormdb: its comment is not the marker that stormdb "
                "leaves, so it will neither be used nor dropped",
                where=f"schema {self.name}",
                hint=f"look at it, then rename or drop it yourself, or run in another database; "
                f"the plugin `{self._plugin}` needs the name",
            )
        return marker

    async def create(self, marker: Marker) -> None:
        """Make the schema with its marker, and for its plugin's role; all or nothing.

        The schema, and with it the marker, stays the role's that makes it.
        """
        name = _identifier(self.name)
        async with self._connection.transaction():
            await self._connection.execute(f"CREATE SCHEMA {name}")
            await self.mark(marker)
            if marker.plugin_role:
                role = _identifier(marker.plugin_role)
                await self._connection.execute(f"GRANT USAGE, CREATE ON SCHEMA {name} TO {role}")

    async def mark(self, marker: Marker) -> None:
        """Replace the marker."""
        comment = await self._connection.fetchval(
            "SELECT pg_catalog.quote_literal($1::text)", marker.to_comment()
        )
        await self._connection.execute(f"COMMENT ON SCHEMA {_identifier(self.name)} IS {comment}")

    async def check_usage(self, role: str = "") -> None:
        """Make sure that a role finds what is in the schema.

        Args:
            role: its name; "" for this connection's.

        Raises:
            ConfigError: to the role every table of the schema would look as if it were not there.
        """
        row = await self._connection.fetchrow(
            "SELECT quote_ident(role) AS role, quote_ident(nspname) AS name,"
            " pg_catalog.has_schema_privilege(role, oid, 'USAGE') AS may_use"
            " FROM pg_catalog.pg_namespace, coalesce(nullif($2::name, ''), current_user) AS role"
            " WHERE nspname = $1",
            self.name,
            role,
        )
        if row is not None and not row["may_use"]:
            name, role = row["name"], row["role"]
            raise ConfigError(
                f"role {role} has no right to use it, so its tables would seem not to exist",
                where=f"schema {self.name}",
                hint=f"GRANT USAGE ON SCHEMA {name} TO {role}; GRANT SELECT, INSERT, UPDATE, "
                f"DELETE ON ALL TABLES IN SCHEMA {name} TO {role}; or run as the role that made it",
            )

    async def check_owners(self) -> None:
        """Make sure that what is in the schema is its owner's, its plugin's or this role's.

        Raises:
            ConfigError: another role keeps something there.
        """
        marker = await self.marker()
        role = marker.plugin_role if marker else ""
        rows = await self._connection.fetch(_OF_OTHERS, self.name, role)
        if rows:
            raise ConfigError(
                f"{listing([row['name'] for row in rows])} would be dropped with it, and "
                "stormdb did not make that",
                where=f"schema {self.name}",
                hint="move it elsewhere (ALTER … SET SCHEMA) or drop it yourself, then try again",
            )

    async def size_bytes(self) -> int:
        """How much the schema's tables and indexes take on disk."""
        size = await self._connection.fetchval(
            "SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint"
            " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n"
            " ON n.oid = c.relnamespace WHERE nspname = $1 AND relkind IN ('r', 'm')",
            self.name,
        )
        return int(size)

    async def drop(self) -> None:
        """Drop the schema and what is in it, and nothing outside of it.

        Raises:
            ConfigError: the schema is not this plugin's, another role keeps something in it, or
                something outside of it depends on it and would be dropped too; nothing has changed
                then.
        """
        await self.marker()
        await self.check_owners()
        async with self._connection.transaction():
            # Whatever CASCADE takes along shows in the difference; a walk over pg_depend would
            # have to know every kind of object.
            before = await self._outside()
            await self._connection.execute(f"DROP SCHEMA {_identifier(self.name)} CASCADE")
            lost = _without_columns_of_others(before - await self._outside())
            if lost:
                raise ConfigError(
                    f"{listing(lost)} outside of the schema would be dropped with it",
                    where=f"schema {self.name}",
                    hint="drop what depends on the schema yourself, then try again",
                )

    async def _outside(self) -> set[str]:
        rows = await self._connection.fetch(_OUTSIDE, self.name)
        return {row[0] for row in rows}

    async def lock(self, *, exclusive: bool) -> None:
        """Take the schema's lock: runs share it, setup and cleanup take it alone.

        It ends with the connection, or, an exclusive one, with `share_lock`.

        Raises:
            ConfigError: another run has it.
        """
        function = "pg_try_advisory_lock" if exclusive else "pg_try_advisory_lock_shared"
        if not await self._connection.fetchval(f"SELECT {function}($1)", self._lock_key):
            raise ConfigError(
                f"another run of stormdb uses the schema{await self._holder()}",
                where=f"schema {self.name}",
                hint="wait until it has ended, or use another database",
            )

    async def share_lock(self) -> None:
        """Leave the exclusive lock for a shared one, without a gap between the two."""
        await self.lock(exclusive=False)
        await self._connection.execute(f"SELECT pg_advisory_unlock({self._lock_key})")

    @property
    def _lock_key(self) -> int:
        digest = hashlib.sha256(f"{_MADE_BY}:{self.name}".encode()).digest()
        return int.from_bytes(digest[:8], signed=True)

    async def _holder(self) -> str:
        # pg_locks shows a 64-bit key as two halves.
        row = await self._connection.fetchrow(
            "SELECT pid, client_addr, backend_start FROM pg_catalog.pg_stat_activity"
            " JOIN pg_catalog.pg_locks USING (pid) WHERE locktype = 'advisory' AND granted"
            " AND classid::bigint = $1 AND objid::bigint = $2 AND pid <> pg_backend_pid() LIMIT 1",
            self._lock_key >> 32 & 0xFFFFFFFF,
            self._lock_key & 0xFFFFFFFF,
        )
        if row is None:
            return ""
        since = f", since {row['backend_start']:%H:%M:%S} UTC" if row["backend_start"] else ""
        return f": server process {row['pid']}, from {row['client_addr'] or 'here'}{since}"


# Everything of a user outside of one schema that a cascade can take away.
_OUTSIDE = """
WITH outside AS (
    SELECT oid, quote_ident(nspname) AS name FROM pg_catalog.pg_namespace
    WHERE nspname <> $1 AND nspname !~ '^pg_' AND nspname <> 'information_schema'
)
SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
                    WHEN 'S' THEN 'sequence ' WHEN 'i' THEN 'index ' ELSE 'table ' END
       || outside.name || '.' || quote_ident(relname)
FROM pg_catalog.pg_class JOIN outside ON relnamespace = outside.oid
UNION ALL
SELECT 'column ' || outside.name || '.' || quote_ident(relname) || '.' || quote_ident(attname)
FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_class ON attrelid = pg_class.oid
     JOIN outside ON relnamespace = outside.oid
WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'default of ' || outside.name || '.' || quote_ident(relname) || ' column ' || adnum
FROM pg_catalog.pg_attrdef JOIN pg_catalog.pg_class ON adrelid = pg_class.oid
     JOIN outside ON relnamespace = outside.oid
UNION ALL
SELECT 'trigger ' || quote_ident(tgname) || ' on ' || outside.name || '.' || quote_ident(relname)
FROM pg_catalog.pg_trigger JOIN pg_catalog.pg_class ON tgrelid = pg_class.oid
     JOIN outside ON relnamespace = outside.oid
WHERE NOT tgisinternal
UNION ALL
SELECT 'constraint ' || quote_ident(conname) || ' in ' || outside.name
FROM pg_catalog.pg_constraint JOIN outside ON connamespace = outside.oid
UNION ALL
SELECT 'type ' || outside.name || '.' || quote_ident(typname)
FROM pg_catalog.pg_type JOIN outside ON typnamespace = outside.oid
WHERE typrelid = 0 AND typelem = 0
UNION ALL
SELECT 'function ' || oid::regprocedure
FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM outside)
UNION ALL
SELECT 'extension ' || quote_ident(extname)
FROM pg_catalog.pg_extension WHERE extnamespace IN (SELECT oid FROM outside)
"""


# What stands in one schema and is not its owner's, its plugin's role's or ours. An object without
# an owner in pg_shdepend is the first superuser's; what belongs to an extension comes and goes
# with that.
_OF_OTHERS = """
WITH schema AS (
    SELECT oid, nspowner FROM pg_catalog.pg_namespace WHERE nspname = $1
), inside AS (
    SELECT object.classid, object.objid, coalesce(owner.refobjid, 10) AS owner, nspowner
    FROM schema
         JOIN pg_catalog.pg_depend AS object ON object.refobjid = schema.oid
              AND object.refclassid = 'pg_namespace'::regclass AND object.deptype = 'n'
         LEFT JOIN pg_catalog.pg_shdepend AS owner ON owner.classid = object.classid
              AND owner.objid = object.objid AND owner.objsubid = 0 AND owner.deptype = 'o'
              AND owner.dbid = (SELECT oid FROM pg_catalog.pg_database
                                WHERE datname = current_database())
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS member
        WHERE member.classid = object.classid AND member.objid = object.objid
              AND member.deptype = 'e'
    )
)
SELECT named.type || ' ' || named.identity || ' of role ' || quote_ident(rolname) AS name
FROM inside JOIN pg_catalog.pg_roles ON pg_roles.oid = inside.owner,
     pg_catalog.pg_identify_object(classid, objid, 0) AS named
WHERE owner <> nspowner AND rolname NOT IN (current_user, $2)
ORDER BY name
"""


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _without_columns_of_others(lost: set[str]) -> list[str]:
    """Sorted, without the columns of what is lost itself."""
    relations = [name.partition(" ")[2] + "." for name in lost if not name.startswith("column ")]
    columns = tuple(f"column {relation}" for relation in relations)
    return sorted(name for name in lost if not name.startswith(columns))

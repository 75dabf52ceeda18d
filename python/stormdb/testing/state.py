"""What is in a database and around it: compared before and after what plugin code did."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormdb.testing.scratch import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

__all__ = ["State", "Table", "difference", "sessions", "state_of", "tables_of"]

# What a clock or a die fills in is not the workload's choice.
_VARYING_DEFAULT = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|"
    r"gen_random_uuid|uuidv[47]|uuid_generate_v\w+)\(|\bCURRENT_|\bLOCALTIME",
    re.IGNORECASE,
)

_OBJECTS = """
WITH outside AS (
    SELECT oid, quote_ident(nspname) AS name FROM pg_catalog.pg_namespace
    WHERE nspname <> $1 AND nspname !~ '^pg_' AND nspname <> 'information_schema'
)
SELECT 'schema ' || name FROM outside
UNION ALL
SELECT CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN
       'sequence ' WHEN 'i' THEN 'index ' ELSE 'table ' END || name || '.' || quote_ident(relname)
FROM pg_catalog.pg_class JOIN outside ON relnamespace = outside.oid
UNION ALL
SELECT 'type ' || name || '.' || quote_ident(typname)
FROM pg_catalog.pg_type JOIN outside ON typnamespace = outside.oid
WHERE typrelid = 0 AND typelem = 0
UNION ALL
SELECT 'function ' || pg_proc.oid::regprocedure
FROM pg_catalog.pg_proc JOIN outside ON pronamespace = outside.oid
UNION ALL
SELECT 'trigger ' || quote_ident(tgname) || ' of ' || tgrelid::regclass
FROM pg_catalog.pg_trigger JOIN pg_catalog.pg_class ON tgrelid = pg_class.oid
     JOIN outside ON relnamespace = outside.oid WHERE NOT tgisinternal
UNION ALL
SELECT 'extension ' || extname FROM pg_catalog.pg_extension
UNION ALL
SELECT 'publication ' || pubname FROM pg_catalog.pg_publication
UNION ALL
SELECT 'event trigger ' || evtname FROM pg_catalog.pg_event_trigger
UNION ALL
SELECT 'foreign server ' || srvname FROM pg_catalog.pg_foreign_server
UNION ALL
SELECT 'large object ' || oid FROM pg_catalog.pg_largeobject_metadata
UNION ALL
SELECT 'role ' || rolname || concat_ws(' ', '', rolsuper, rolcanlogin, rolconnlimit, rolvaliduntil)
FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' AND rolname !~ ('^' || $2)
UNION ALL
SELECT 'member ' || member::regrole || ' of role ' || roleid::regrole
FROM pg_catalog.pg_auth_members WHERE member::regrole::text !~ '^pg_'
UNION ALL
SELECT concat_ws(' ', 'settings of', rolname, CASE WHEN setdatabase <> 0 THEN 'here' END, setconfig)
FROM pg_catalog.pg_db_role_setting LEFT JOIN pg_catalog.pg_roles ON pg_roles.oid = setrole
WHERE setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database
                          WHERE datname = current_database()))
UNION ALL
SELECT 'database ' || datname FROM pg_catalog.pg_database WHERE datname !~ ('^' || $2)
UNION ALL
SELECT 'tablespace ' || spcname FROM pg_catalog.pg_tablespace
UNION ALL
SELECT 'replication slot ' || slot_name FROM pg_catalog.pg_replication_slots
WHERE database = current_database()
UNION ALL
SELECT 'prepared transaction ' || gid FROM pg_catalog.pg_prepared_xacts
WHERE database = current_database()
"""

_SESSIONS = """
SELECT concat('session ', pid, ' (', application_name, '), ', state, ': ',
              left(regexp_replace(query, '\\s+', ' ', 'g'), 60))
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
UNION ALL
SELECT concat('lock ', locktype, ' ', classid, '/', objid, ' of process ', coalesce(pid, 0))
FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND pid IS DISTINCT FROM pg_backend_pid()
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""

_TABLES = """
SELECT quote_ident(nspname) || '.' || quote_ident(relname) AS name, relname,
       array_agg(quote_ident(attname) ORDER BY attnum) AS columns,
       array_agg(coalesce(pg_get_expr(adbin, adrelid), '') ORDER BY attnum) AS defaults
FROM pg_catalog.pg_class
     JOIN pg_catalog.pg_namespace ON relnamespace = pg_namespace.oid
     JOIN pg_catalog.pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
     LEFT JOIN pg_catalog.pg_attrdef ON adrelid = pg_class.oid AND adnum = attnum
WHERE relkind IN ('r', 'm') AND (nspname = $1) = $2
      AND nspname !~ '^pg_' AND nspname <> 'information_schema'
GROUP BY nspname, relname ORDER BY 1
"""

_SEQUENCES = """
SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) AS name, last_value
FROM pg_catalog.pg_sequences WHERE (schemaname = $1) = $2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What is in a table.

    Attributes:
        rows: how many.
        digest: over all rows in any order.
    """

    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is in a schema, or outside of it.

    Attributes:
        objects: described in words.
        tables: by name.
    """

    objects: frozenset[str]
    tables: dict[str, Table]

    @property
    def row_count(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())


async def tables_of(connection: asyncpg.Connection, schema: str) -> list[str]:
    """Quoted names of the tables of a schema, those with partitions first."""
    rows = await connection.fetch(
        "SELECT quote_ident(nspname) || '.' || quote_ident(relname) FROM pg_catalog.pg_class"
        " JOIN pg_catalog.pg_namespace ON relnamespace = pg_namespace.oid"
        " WHERE relkind IN ('r', 'p') AND nspname = $1 ORDER BY relkind = 'r', relname",
        schema,
    )
    return [row[0] for row in rows]


async def state_of(
    connection: asyncpg.Connection,
    schema: str,
    *,
    inside: bool,
    may_vary: Callable[[str], bool] = lambda _: False,
) -> State:
    """What is in the schema, or around it: roles and what else the server has too.

    Args:
        connection: to the database.
        schema: the plugin's.
        inside: in it, or around it.
        may_vary: whether `table.column` may differ for no reason.
    """
    objects: set[str] = set()
    if not inside:
        objects = {row[0] for row in await connection.fetch(_OBJECTS, schema, PREFIX)}
    tables = {}
    for row in await connection.fetch(_TABLES, schema, inside):
        columns = [
            column
            for column, default in zip(row["columns"], row["defaults"], strict=True)
            if not (inside and _VARYING_DEFAULT.search(default))
            and not may_vary(f"{row['relname']}.{column}")
        ]
        tables[row["name"]] = await _table(connection, row["name"], columns)
    for row in await connection.fetch(_SEQUENCES, schema, inside):
        objects.add(f"sequence {row['name']} at {row['last_value']}")
    return State(objects=frozenset(objects), tables=tables)


async def _table(connection: asyncpg.Connection, name: str, columns: list[str]) -> Table:
    row = await connection.fetchrow(
        "SELECT count(*) AS rows,"  # noqa: S608 - the server has quoted the names
        f" sum(hashtextextended(ROW({', '.join(columns)})::text, 0)::numeric) AS digest FROM {name}"
    )
    assert row is not None
    text = hashlib.sha256(f"{columns} {row['digest']}".encode()).hexdigest()
    return Table(rows=row["rows"], digest=text)


async def sessions(connection: asyncpg.Connection) -> list[str]:
    """Other sessions on this database, and advisory locks."""
    return [row[0] for row in await connection.fetch(_SESSIONS)]


def difference(before: State, after: State) -> list[str]:
    """What changed, in words."""
    found = [f"{name} is new" for name in after.objects - before.objects]
    found += [f"{name} is gone" for name in before.objects - after.objects]
    for name in sorted(before.tables.keys() | after.tables.keys()):
        old, new = before.tables.get(name), after.tables.get(name)
        if old is None or new is None:
            text = f"table {name} is {'new' if old is None else 'gone'}"
            if text not in found:
                found.append(text)
        elif old.rows != new.rows:
            found.append(f"table {name} has {new.rows} rows, it had {old.rows}")
        elif old != new:
            found.append(f"rows of table {name} differ")
    return sorted(found)

"""What the server saw of a run, statement by statement: pg_stat_statements."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb.testing.scratch import ScratchDatabase, ScratchServer

__all__ = ["Statement", "statements_of", "without"]

_COMMENT = re.compile(r"\A(?:\s+|--[^\n]*\n|/\*.*?\*/)+", re.DOTALL)
_WITH_ROWS = re.compile(r"SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|TABLE|COPY", re.IGNORECASE)
_WRITE = re.compile(r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|COPY)\b", re.IGNORECASE)
_LOCKING = re.compile(r"\bFOR\s+(NO\s+KEY\s+)?UPDATE\b", re.IGNORECASE)

_QUERY = """
SELECT query, sum(calls)::bigint AS calls, sum(rows)::bigint AS rows, queryid
FROM pg_stat_statements JOIN pg_catalog.pg_database ON pg_database.oid = dbid
WHERE datname = $1 AND calls > 0 AND query !~* 'pg_catalog|pg_advisory|hashtextextended|\\mpg_'
GROUP BY query, queryid ORDER BY queryid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a run, constants left out.

    Attributes:
        text: the statement.
        id: equal for equal statements of databases that are copies of each other.
        calls: how often it ran.
        rows: how many rows it returned or changed, over all calls.
    """

    text: str
    id: int
    calls: int
    rows: int

    @property
    def has_rows(self) -> bool:
        """Whether it is of a kind that returns or changes rows."""
        return _WITH_ROWS.match(_COMMENT.sub("", self.text)) is not None

    @property
    def is_write(self) -> bool:
        """Whether it changes rows by its own words; what a function does is not seen."""
        return self.has_rows and _WRITE.search(_LOCKING.sub("", self.text)) is not None

    @property
    def shown(self) -> str:
        """In a line."""
        text = " ".join(self.text.split())
        return text if len(text) <= 120 else text[:119] + "…"


async def statements_of(server: ScratchServer, database: ScratchDatabase) -> list[Statement] | None:
    """What ran in a database; None if the server does not tell.

    Args:
        server: whose administration database may get the extension if the server is ours.
        database: where a run was.
    """
    import asyncpg

    async with server.administration.connected() as connection:
        try:
            if server.is_ours:
                await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            rows = await connection.fetch(_QUERY, database.name)
        except asyncpg.PostgresError:  # not installed, not preloaded, or not for this role
            return None
    return [
        Statement(text=row["query"], id=row["queryid"], calls=row["calls"], rows=row["rows"])
        for row in rows
    ]


def without(
    all_of_them: list[Statement] | None, others: list[Statement] | None
) -> list[Statement] | None:
    """What is left when others, of a copy of the database, are taken away."""
    if all_of_them is None or others is None:
        return None
    taken = {statement.id: statement for statement in others}
    left = []
    for statement in all_of_them:
        other = taken.get(statement.id)
        calls = statement.calls - (other.calls if other else 0)
        if calls > 0:
            rows = statement.rows - (other.rows if other else 0)
            left.append(replace(statement, calls=calls, rows=rows))
    return left

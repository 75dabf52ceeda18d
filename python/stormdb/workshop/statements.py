"""What was seen of each statement, and of the transactions that it stood in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stormdb.workshop.server_log import Entry

__all__ = ["Statement", "Transactions", "collect", "given_rows", "nodes"]

_ENDS = ("COMMIT", "END", "ROLLBACK", "ABORT")
_OWN_SQL = "pg_try_advisory_lock_shared"
"""Said by the controller's session, which puts no load on the server, and by no other."""
Plan = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Statement:
    """One statement: all of its executions.

    Attributes:
        sql: its text, `$1` for values.
        count: how often it was executed.
        empty_count: how often it gave, or changed, no row.
        total_ms: time of all executions together, without the way to the server.
        slowest_ms: time of the slowest one.
        plan: of the slowest one, with what really happened; None for one without a plan.
    """

    sql: str
    count: int = 0
    empty_count: int = 0
    total_ms: float = 0.0
    slowest_ms: float = -1.0
    plan: Plan | None = None

    @property
    def mean_ms(self) -> float:
        """Mean time."""
        return self.total_ms / self.count if self.count else 0.0


@dataclass(slots=True, kw_only=True)
class Transactions:
    """What was seen of whole transactions.

    Attributes:
        longest_open_s: longest time from the first statement to the end.
        longest_sql: that one's first statement that has a plan; "" if none has.
        repeats: statement -> most executions of it in one transaction.
    """

    longest_open_s: float = 0.0
    longest_sql: str = ""
    repeats: Counter[str] = field(default_factory=Counter)


def collect(entries: Iterable[Entry]) -> tuple[list[Statement], Transactions]:
    """Put a log together: statements in the order of their first execution."""
    statements: dict[str, Statement] = {}
    by_transaction: dict[tuple[str, str], list[Entry]] = {}
    listed = list(entries)
    own = {entry.session for entry in listed if _OWN_SQL in entry.sql}
    for entry in listed:
        if entry.session in own or (entry.plan is not None and _is_catalog_only(entry.plan)):
            continue
        by_transaction.setdefault((entry.session, entry.transaction), []).append(entry)
        if entry.plan is not None:
            _add(statements.setdefault(entry.sql, Statement(sql=entry.sql)), entry)
    return list(statements.values()), _transactions(by_transaction.values())


def _add(statement: Statement, entry: Entry) -> None:
    assert entry.plan is not None
    assert entry.duration_ms is not None
    statement.count += 1
    statement.total_ms += entry.duration_ms
    statement.empty_count += given_rows(entry.plan) == 0
    if entry.duration_ms > statement.slowest_ms:
        statement.slowest_ms, statement.plan = entry.duration_ms, entry.plan


def _transactions(groups: Iterable[list[Entry]]) -> Transactions:
    found = Transactions()
    for entries in groups:
        counts = Counter(entry.sql for entry in entries if entry.plan is not None)
        for sql, count in counts.items():
            found.repeats[sql] = max(found.repeats[sql], count)
        if not entries[-1].sql.lstrip().upper().startswith(_ENDS):
            continue  # no explicit block, or one that was cut
        open_s = entries[-1].time_s - entries[0].time_s
        if open_s > found.longest_open_s:
            found.longest_open_s = open_s
            found.longest_sql = next(iter(counts), "")
    return found


def nodes(plan: Plan) -> Iterator[Plan]:
    """A plan's nodes, from the outside inwards."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def given_rows(plan: Plan) -> float:
    """How many rows a statement returned or changed."""
    if plan["Node Type"] == "ModifyTable" and not plan["Actual Rows"]:
        rows = sum(child["Actual Rows"] * child["Actual Loops"] for child in plan.get("Plans", ()))
        return float(rows - plan.get("Conflicting Tuples", 0))
    return float(plan["Actual Rows"])


def _is_catalog_only(plan: Plan) -> bool:
    """Whether a statement is the driver's own: it asks for nothing but types and the like."""
    schemas = {node["Schema"] for node in nodes(plan) if "Schema" in node}
    return bool(schemas) and schemas <= {"pg_catalog", "information_schema"}

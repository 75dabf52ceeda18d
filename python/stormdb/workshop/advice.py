"""What a look at the statements of a workload makes one doubt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stormdb.workshop.statements import Plan, Statement, Transactions, nodes

__all__ = ["Advice", "ForeignKey", "advise"]

_SCANNED_ROWS = 10_000
_REMOVED_RATIO = 0.9
_REMOVED_ROWS = 100
"""Below it a filter costs nothing, whatever its ratio."""
_REPEATS = 3
_OPEN_S = 1.0
_POOL_WAIT_NS = 1_000_000
"""A connection that is free is taken in less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One warning.

    Attributes:
        code: stable word for programs.
        text: what was seen, with values.
        hint: what to do about it.
        sql: the statement that it is about; "" for none.
    """

    code: str
    text: str
    hint: str
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """A foreign key whose columns no index begins with."""

    name: str
    table: str
    columns: Sequence[str]


def advise(
    statements: Iterable[Statement],
    transactions: Transactions,
    *,
    table_rows: Mapping[str, int],
    foreign_keys: Iterable[ForeignKey],
    pool_wait_ns: float,
) -> list[Advice]:
    """Look for what usually costs time.

    Args:
        statements: what was seen of each.
        transactions: what was seen of transactions.
        table_rows: rows of each table.
        foreign_keys: those without an index.
        pool_wait_ns: the longest wait for a connection; 0 if there was none.
    """
    found: list[Advice] = []
    for statement in statements:
        found += _statement(statement, table_rows)
        repeats = transactions.repeats[statement.sql]
        if repeats >= _REPEATS:
            found.append(
                Advice(
                    code="statement-in-loop",
                    text=f"{repeats} executions in one transaction",
                    hint="one statement can do it: WHERE id = ANY($1), or INSERT … SELECT "
                    "FROM unnest($1, $2)",
                    sql=statement.sql,
                )
            )
    found += _foreign_keys(foreign_keys)
    if transactions.longest_open_s > _OPEN_S:
        found.append(
            Advice(
                code="long-transaction",
                text=f"a transaction was open for {transactions.longest_open_s:.1f} s",
                hint="do what needs no database before BEGIN or after COMMIT",
                sql=transactions.longest_sql,
            )
        )
    if pool_wait_ns > _POOL_WAIT_NS:
        found.append(
            Advice(
                code="pool-wait",
                text=f"a connection of the pool was waited for, up to {pool_wait_ns / 1e6:.1f} ms",
                hint="raise `connections`, or hold a connection for a shorter time",
            )
        )
    return found


def _statement(statement: Statement, table_rows: Mapping[str, int]) -> Iterator[Advice]:
    if statement.empty_count:
        yield Advice(
            code="no-rows",
            text=f"no row in {statement.empty_count} of {statement.count} executions",
            hint="look at the values that it is given; a load that finds nothing measures nothing",
            sql=statement.sql,
        )
    for node in nodes(statement.plan) if statement.plan else ():
        yield from _node(node, statement.sql, table_rows)


def _node(node: Plan, sql: str, table_rows: Mapping[str, int]) -> Iterator[Advice]:
    table = node.get("Relation Name", "")
    rows = table_rows.get(table, 0)
    if node["Node Type"] == "Seq Scan" and rows > _SCANNED_ROWS:
        condition = node.get("Filter", "")
        yield Advice(
            code="sequential-scan",
            text=f"reads {table} from end to end, which has {rows} rows",
            hint=f"make an index for {condition}" if condition else "does it need all of them?",
            sql=sql,
        )
    removed = node.get("Rows Removed by Filter", 0) * node.get("Actual Loops", 1)
    kept = node.get("Actual Rows", 0) * node.get("Actual Loops", 1)
    if removed >= _REMOVED_ROWS and removed > _REMOVED_RATIO * (removed + kept):
        ratio = removed / (removed + kept)
        yield Advice(
            code="filtered-rows",
            text=f"reads {removed + kept:.0f} rows{f' of {table}' if table else ''} and throws "
            f"{100 * ratio:.3g} % of them away",
            hint=f"make an index for {node.get('Filter', 'the condition')}",
            sql=sql,
        )


def _foreign_keys(foreign_keys: Iterable[ForeignKey]) -> Iterator[Advice]:
    for key in foreign_keys:
        columns = ", ".join(key.columns)
        yield Advice(
            code="foreign-key-without-index",
            text=f"no index begins with {columns}, the foreign key {key.name} of {key.table}",
            hint=f"CREATE INDEX ON {key.table} ({columns}): a row that it points to is deleted by "
            "reading the table",
        )

"""A look as text: transactions, each statement with its plan, and the warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stormdb.units import format_duration

if TYPE_CHECKING:
    from stormdb.workshop.advice import Advice
    from stormdb.workshop.look import Look
    from stormdb.workshop.statements import Plan, Statement

__all__ = ["look_facts", "look_lines"]

_CONDITIONS = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter")


def look_lines(look: Look) -> Iterator[str]:
    """What people read."""
    yield f"{'transaction':<28}{'per second':>12}{'p50':>12}{'p95':>12}{'p99':>12}"
    for row in (*look.summary.transactions, *look.summary.operations):
        times = look.summary.main_time_of(row)
        shown = [times.p50_ns, times.p95_ns, times.p99_ns] if times else []
        cells = "".join(f"{format_duration(int(time)):>12}" for time in shown)
        yield f"{row.name[:27]:<28}{row.throughput_per_s:>12.1f}{cells}"
    for failure in look.summary.failures:
        yield f"warning: {failure.count} failed with {failure.sqlstate}: {failure.example}"
    for statement in look.statements:
        yield ""
        yield from _statement(statement, look.advice)
    general = [advice for advice in look.advice if not advice.sql]
    if general:
        yield ""
    for advice in general:
        yield from _advice(advice, "")


def _statement(statement: Statement, advice: list[Advice]) -> Iterator[str]:
    yield " ".join(statement.sql.split())
    times = "once" if statement.count == 1 else f"{statement.count} times"
    mean, most = f"{statement.mean_ms:.3f} ms on the mean", f"{statement.slowest_ms:.3f} ms at most"
    yield f"  {times}, {mean}, {most}"
    if statement.plan:
        yield from _plan(statement.plan, "  ")
    for one in advice:
        if one.sql == statement.sql:
            yield from _advice(one, "  ")


def _advice(advice: Advice, indent: str) -> Iterator[str]:
    yield f"{indent}warning: {advice.text}; hint: {advice.hint}"


def _plan(node: Plan, indent: str) -> Iterator[str]:
    """A node and what is below it, as EXPLAIN has it, but shorter."""
    name = node.get("Operation", "") + " " if node["Node Type"] == "ModifyTable" else ""
    kind = name.strip() or node["Node Type"]
    index = f" using {node['Index Name']}" if "Index Name" in node else ""
    table = f" on {node['Relation Name']}" if "Relation Name" in node else ""
    loops = f", {node['Actual Loops']:g} loops" if node["Actual Loops"] > 1 else ""
    blocks = node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0)
    yield (
        f"{indent}-> {kind}{index}{table}  "
        f"({node['Actual Rows']:g} rows{loops}, {node['Actual Total Time']:.3f} ms, "
        f"{blocks} blocks)"
    )
    for name in _CONDITIONS:
        if name in node:
            yield f"{indent}     {name}: {node[name]}"
    if removed := node.get("Rows Removed by Filter"):
        yield f"{indent}     Rows Removed by Filter: {removed:g}"
    for child in node.get("Plans", ()):
        yield from _plan(child, indent + "  ")


def look_facts(look: Look) -> dict[str, Any]:
    """What programs read."""
    return {
        "transactions": [
            {
                "name": row.name,
                "kind": row.kind,
                "committed_count": row.committed_count,
                "failed_count": row.failed_count,
                "throughput_per_s": row.throughput_per_s,
                **({"p50_ns": t.p50_ns, "p95_ns": t.p95_ns, "p99_ns": t.p99_ns} if t else {}),
            }
            for row in (*look.summary.transactions, *look.summary.operations)
            for t in [look.summary.main_time_of(row)]
        ],
        "statements": [
            {
                "sql": one.sql,
                "execution_count": one.count,
                "empty_count": one.empty_count,
                "mean_ms": one.mean_ms,
                "slowest_ms": one.slowest_ms,
                "plan": one.plan,
            }
            for one in look.statements
        ],
        "warnings": [
            {"code": one.code, "text": one.text, "hint": one.hint, "sql": one.sql or None}
            for one in look.advice
        ],
    }

"""Reads what a server of our own logs of each statement: its plan as executed, and when.

`SETTINGS` load auto_explain, silent; `TURN_ON` makes it speak in new sessions of a database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["APPLICATION", "SETTINGS", "TURN_ON", "Entry", "read_entries"]

APPLICATION = "stormdb look"
"""Name of the sessions that are looked at."""

SETTINGS = {
    "log_line_prefix": "|%n|%c|%v|%a|",
    "auto_explain.log_min_duration": "-1",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_verbose": "on",  # for the schema of each relation
    "auto_explain.log_format": "json",
}
TURN_ON = {
    "auto_explain.log_min_duration": "0",
    "log_statement": "all",
    "log_parameter_max_length": "0",
}
_HEAD = re.compile(r"\|(\d+\.\d+)\|([0-9a-f.]+)\|([^|]*)\|([^|]*)\|LOG:  (.*)", re.DOTALL)
_PLAN = re.compile(r"duration: ([\d.]+) ms  plan:\n(.*)", re.DOTALL)
_STATEMENT = re.compile(r"(?:statement|execute [^:]*): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One statement, as it began or as it ended.

    Attributes:
        time_s: when it was logged.
        session: of the server.
        transaction: number that the server gave its transaction, for this session.
        sql: the statement.
        plan: how it was executed; None as it begins.
        duration_ms: how long it took; None as it begins.
    """

    time_s: float
    session: str
    transaction: str
    sql: str
    plan: dict[str, Any] | None = None
    duration_ms: float | None = None


def read_entries(lines: Iterable[str]) -> Iterator[Entry]:
    """The statements of the sessions that are looked at, in the order of the log."""
    for message in _messages(lines):
        head = _HEAD.match(message)
        if not head or head[4] != APPLICATION:
            continue
        where = {"time_s": float(head[1]), "session": head[2], "transaction": head[3]}
        if plan := _PLAN.match(head[5]):
            try:
                facts = json.loads(plan[2])
            except ValueError:
                continue  # the log was read in the middle of a line
            yield Entry(
                **where,  # type: ignore[arg-type]
                sql=facts["Query Text"],
                plan=facts["Plan"],
                duration_ms=float(plan[1]),
            )
        elif statement := _STATEMENT.match(head[5]):
            yield Entry(**where, sql=statement[1].rstrip("\n"))  # type: ignore[arg-type]


def _messages(lines: Iterable[str]) -> Iterator[str]:
    """Lines that belong together; those after the first begin with a tab."""
    parts: list[str] = []
    for line in lines:
        if line.startswith("\t"):
            parts.append(line[1:])
            continue
        if parts:
            yield "".join(parts)
        parts = [line]
    if parts:
        yield "".join(parts)

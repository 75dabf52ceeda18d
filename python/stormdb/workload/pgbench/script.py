"""A pgbench script, taken apart into its commands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stormdb.workload.places import problem, written_at
from stormdb.workload.sql import Token, tokens

__all__ = ["Command", "read_script"]

_META = re.compile(r"\\([A-Za-z]+)")
_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
_BLOCKS = {
    "BEGIN": "begin",
    "START": "begin",
    "COMMIT": "commit",
    "END": "commit",
    "ROLLBACK": "rollback",
    "ABORT": "rollback",
}
"""Statements that begin and end a transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a script.

    Attributes:
        name: `sql`, `begin`, `commit`, `rollback`, or the word behind the backslash.
        text: the statement, or what follows that word.
        place: file and line.
    """

    name: str
    text: str
    place: str


def read_script(text: str, file: str) -> list[Command]:
    r"""The commands in their order; SQL ends at `;`, at a backslash or with the script.

    Args:
        text: of the script.
        file: its name, for messages.

    Raises:
        ProgramError: a quote or a comment is never closed, or statements are joined by `\;`.
    """
    found: list[Command] = []
    sql: list[Token] = []
    depth = 0

    def end_statement() -> None:
        significant = [token for token in sql if token.kind not in {"space", "comment"}]
        if significant:
            first = significant[0]
            name = _BLOCKS.get(first.text.upper(), "sql")
            place = _place(text, first.start, file)
            body = text[first.start : significant[-1].end]
            found.append(Command(name=name, text=body, place=place))
        sql.clear()

    def read(position: int) -> int | None:
        """Read up to the end of a backslash command, or of the script."""
        nonlocal depth
        for token in tokens(text, position):
            if token.text == "\\":
                end_statement()
                depth = 0
                command, end = _meta(text, token.start, file)
                found.append(command)
                return end
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if token.text == ";" and depth <= 0:
                end_statement()
            else:
                sql.append(token)
        end_statement()
        return None

    at: int | None = 0
    with written_at(file):
        while at is not None:
            at = read(at)
    return found


def _meta(text: str, start: int, file: str) -> tuple[Command, int]:
    """A backslash command, and where it ends: with the line, unless that ends with a backslash."""
    place = _place(text, start, file)
    name = _META.match(text, start)
    if name is None:
        raise problem(
            f"{text[start : start + 2]!r} is no command of a script",
            where=place,
            hint="end each statement with ; alone: joined statements are not supported",
        )
    end = name.end()
    while (line_end := text.find("\n", end)) >= 0:
        continued = _CONTINUED.search(text, end, line_end + 1)
        end = line_end + 1
        if continued is None:
            break
    else:
        end = len(text)
    body = _CONTINUED.sub(" ", text[name.end() : end]).strip()
    return Command(name=name[1].lower(), text=body, place=place), end


def _place(text: str, position: int, file: str) -> str:
    return f"{file}:{text.count(chr(10), 0, position) + 1}"

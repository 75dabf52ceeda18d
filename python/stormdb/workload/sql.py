"""Reads as much of a statement as tracing must know: its parameters, and what cannot be sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stormdb.workload.constants import checked_text
from stormdb.workload.places import problem

__all__ = ["Token", "checked_sql", "column_names", "result_columns", "tokens"]

_MAX_PARAMETERS = 65_535

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*)
    | (?P<text>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<open>[eE]?'|")
    | \$(?P<tag>[^\W\d]\w*)?\$
    | \$(?P<number>\d+)
    | (?P<foreign>%\(\w+\)s|%s\b|(?<![:\w]):[^\W\d]\w*)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<space>\s+)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_END = re.compile(r"/\*|\*/")

_BLOCK = "`with tx.block():` begins a transaction, and ends it when its body does"
_REFUSED = {
    "BEGIN": _BLOCK,
    "START": _BLOCK,
    "COMMIT": _BLOCK,
    "END": _BLOCK,
    "ROLLBACK": "tx.abort() rolls the surrounding tx.block() back",
    "ABORT": "tx.abort() rolls the surrounding tx.block() back",
    "SAVEPOINT": "`with tx.savepoint():` sets one, and releases it when its body ends",
    "RELEASE": "`with tx.savepoint():` sets one, and releases it when its body ends",
    "COPY": "tx.copy_in() sends rows by COPY; COPY TO is not supported",
    "PREPARE": "every statement is prepared once on each connection; write the statement itself",
    "EXECUTE": "every statement is prepared once on each connection; write the statement itself",
    "DEALLOCATE": "leave it out: the statements that are prepared on the connection are needed",
    "DISCARD": "leave it out: the statements that are prepared on the connection are needed",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL.

    Attributes:
        kind: `comment`, `text`, `name`, `quoted`, `number`, `foreign`, `word`, `space`, `other`.
        text: of a comment and of a dollar quote only what begins it.
        start: where it begins.
        end: where it ends.
    """

    kind: str
    text: str
    start: int
    end: int


def checked_sql(sql: object, value_count: int) -> str:
    """The statement, if it is one and can be sent with that many values.

    Raises:
        ProgramError: it cannot.
    """
    if not isinstance(sql, str):
        raise problem(f"the statement is a {type(sql).__name__}, it must be text")
    checked_text(sql)
    found = _significant(sql)
    while found and found[-1].text == ";":
        found.pop()
    if not found:
        raise problem("the statement is empty")
    if any(token.text == ";" for token in found):
        raise problem(
            "these are several statements",
            hint="write a tx.execute() for each; `with tx.pipeline():` sends them together",
        )
    if (word := found[0].text.upper()) in _REFUSED:
        raise problem(f"{word} cannot be executed", hint=_REFUSED[word])
    _check_parameters(found, value_count)
    return sql.strip()


def tokens(sql: str, position: int = 0) -> Iterator[Token]:
    """The pieces of a text from a position on.

    Raises:
        ProgramError: a quote or a comment is never closed.
    """
    while match := _TOKEN.match(sql, position):
        kind, position = match.lastgroup or "quoted", match.end()
        if match[0] == "/*":
            position = _after_comment(sql, position)
        elif kind in {"tag", "quoted"}:
            kind, position = "quoted", _after_quote(sql, match[0], position)
        elif kind == "open":
            raise problem(f"the statement has a {match[0][-1]} that is never closed")
        yield Token(kind, match[0], match.start(), position)


def _after_comment(sql: str, position: int) -> int:
    """PostgreSQL's comments are nested."""
    depth = 1
    while depth:
        match = _COMMENT_END.search(sql, position)
        if match is None:
            raise problem("the statement has a comment that is never closed", hint="write */")
        depth += 1 if match[0] == "/*" else -1
        position = match.end()
    return position


def _after_quote(sql: str, quote: str, position: int) -> int:
    end = sql.find(quote, position)
    if end < 0:
        raise problem(f"the statement has a text that {quote} begins and nothing ends")
    return end + len(quote)


def _check_parameters(found: list[Token], value_count: int) -> None:
    numbers = {int(token.text[1:]) for token in found if token.kind == "number"}
    foreign = [token.text for token in found if token.kind == "foreign"]
    # `5 %s` is a remainder where everything else is right.
    is_settled = numbers == set(range(1, value_count + 1))
    if foreign and not (is_settled and (numbers or foreign[0].startswith("%"))):
        raise problem(
            f"{foreign[0]} is no placeholder of PostgreSQL",
            hint="write $1, $2 … in the order of the values",
        )
    if value_count > _MAX_PARAMETERS:
        raise problem(f"{value_count} values, a statement takes at most {_MAX_PARAMETERS}")
    if 0 in numbers:
        raise problem("$0 is no parameter", hint="the first one is $1")
    for number in sorted(numbers):
        if number > value_count:
            raise problem(
                f"${number} has no value: {_count(value_count, 'value')} given",
                hint="give the values behind the statement, in the order $1, $2 …",
            )
    for number in range(1, value_count + 1):
        if number not in numbers:
            raise problem(
                f"value {number} of {value_count} is never used: the statement has no ${number}",
                hint=f"write ${number} where it belongs",
            )


def _count(number: int, what: str) -> str:
    return f"{number} {what} is" if number == 1 else f"{number} {what}s are"


def column_names(sql: str, count: int) -> list[str]:
    """Names for the columns of a result, as far as its SELECT or RETURNING list shows them.

    Only for people: a column that is an expression without a name is called `fetched`.
    """
    names = result_columns(sql)
    return [(names[index] if index < len(names) else "") or "fetched" for index in range(count)]


def result_columns(sql: str) -> list[str]:
    """What the SELECT or RETURNING list names its items; "" for an item that shows no name."""
    found = _significant(sql)
    words = [token.text.upper() for token in found]
    start = words.index("RETURNING") + 1 if "RETURNING" in words else 1
    items: list[list[Token]] = [[]]
    depth = 0
    for token in found[start:]:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if not depth and token.text.upper() in {"FROM", "INTO", ";"}:
            break
        if not depth and token.text == ",":
            items.append([])
        else:
            items[-1].append(token)
    return [_name(item) for item in items]


def _significant(sql: str) -> list[Token]:
    return [token for token in tokens(sql) if token.kind not in {"space", "comment"}]


def _name(item: list[Token]) -> str:
    """Alias or column of one item of a list; "" for an expression without a name."""
    is_plain = all(token.kind in {"word", "name"} or token.text == "." for token in item)
    has_alias = len(item) > 2 and item[-2].text.upper() == "AS"
    if item and item[-1].kind in {"word", "name"} and (is_plain or has_alias):
        return item[-1].text.strip('"')
    return ""

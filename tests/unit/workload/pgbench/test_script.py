from __future__ import annotations

import pytest

from stormdb.errors import ProgramError
from stormdb.workload.pgbench.script import read_script


def commands(text: str) -> list[tuple[str, str, str]]:
    return [(one.name, one.text, one.place) for one in read_script(text, "f")]


def test_statements_end_at_a_semicolon_outside_of_quotes_and_brackets() -> None:
    text = "SELECT ';', $$;$$, (1;2);\n-- a ; comment\nSELECT 2 /* ; */ ;\n\nSELECT 3"
    assert commands(text) == [
        ("sql", "SELECT ';', $$;$$, (1;2)", "f:1"),
        ("sql", "SELECT 2", "f:3"),
        ("sql", "SELECT 3", "f:5"),
    ]


def test_a_backslash_command_ends_with_its_line_and_ends_a_statement() -> None:
    text = "\\set a 1 + \\\n  2\nSELECT 1 AS a\n  \\gset p_\n\\SLEEP 1 ms\nEND;"
    assert commands(text) == [
        ("set", "a 1 +    2", "f:1"),
        ("sql", "SELECT 1 AS a", "f:3"),
        ("gset", "p_", "f:4"),
        ("sleep", "1 ms", "f:5"),
        ("commit", "END", "f:6"),
    ]


def test_transactions_are_told_by_their_first_word() -> None:
    names = [name for name, _, _ in commands("begin; START TRANSACTION; Commit; ROLLBACK; ABORT;")]
    assert names == ["begin", "begin", "commit", "rollback", "rollback"]


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("SELECT 1;\nSELECT 1 \\; SELECT 2;", "'\\\\;' is no command of a script", "f:2"),
        ("SELECT 'a;", "the statement has a ' that is never closed", "f"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str, place: str) -> None:
    with pytest.raises(ProgramError) as caught:
        commands(text)
    assert (caught.value.message, caught.value.where) == (message, place)

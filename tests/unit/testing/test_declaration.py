from __future__ import annotations

import pytest

from stormdb.errors import ConfigError
from stormdb.testing.declaration import Declaration


class Narrowed:
    writes = False
    allows_empty_reads = frozenset({"FROM  queue", "FROM inbox"})
    memory_s = 1.0


def test_the_attributes_of_a_class_are_its_declarations() -> None:
    declared = Declaration.of(Narrowed)
    assert (declared.writes, declared.memory_s, declared.grows) == (False, 1.0, True)
    assert list(declared.narrowed()) == [
        "writes = False",
        "allows_empty_reads = ['FROM  queue', 'FROM inbox']",
        "memory_s = 1.0",
    ]


def test_a_word_of_the_command_line_says_the_same() -> None:
    words = ["writes=false", "memory_s=1", "allows_empty_reads=FROM  queue"]
    declared = Declaration.parse([*words, "allows_empty_reads=FROM inbox", "allows_errors=40001"])
    assert (declared.writes, declared.memory_s) == (False, 1)
    assert declared.allows_empty_reads == ("FROM  queue", "FROM inbox")
    assert declared.allows_errors == ("40001",)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("writs=1", "did you mean writes=…?"),
        ("writes", "is not a declaration"),
        ("writes=1", "'1' is not true or false"),
        ("scale=true", "'true' is not a whole number"),
        ("memory_s=long", "'long' is not a number of seconds"),
        ("keys=3", "'3' is not a mapping"),
        ("scale={", "'{' cannot be read"),
    ],
)
def test_a_word_that_says_nothing_is_refused(word: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Declaration.parse([word])
    assert message in str(raised.value)


def test_an_attribute_that_is_nearly_a_declaration_is_refused() -> None:
    class Wrong:
        allow_empty_reads = frozenset({"x"})

    with pytest.raises(ConfigError, match="did you mean allows_empty_reads"):
        Declaration.of(Wrong)


def test_a_text_is_no_set_of_texts() -> None:
    with pytest.raises(ConfigError, match="write varies = "):
        Declaration(varies="account.at")


def test_a_part_of_a_statement_is_found_however_it_is_spaced() -> None:
    declared = Declaration.of(Narrowed)
    assert declared.allows_empty("SELECT *\n  from Queue LIMIT 1")
    assert not declared.allows_empty("SELECT 1")

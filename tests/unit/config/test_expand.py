from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.config.expand import ExpandError, expand

ENVIRON = {"HOST": "db.example", "EMPTY": "", "REF": "${HOST}"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${HOST}", "db.example"),
        ("a-${HOST}-${HOST}", "a-db.example-db.example"),
        ("${NONE:-localhost}", "localhost"),
        ("${NONE:-}", ""),
        ("${EMPTY}", ""),
        ("${EMPTY:-localhost}", "localhost"),
        ("${HOST:-localhost}", "db.example"),
        ("${NONE:-a:-b}", "a:-b"),
        ("$${HOST}", "${HOST}"),
        ("$HOST and $5", "$HOST and $5"),
        ("${REF}", "${HOST}"),
    ],
)
def test_a_reference_becomes_its_value_once(text: str, expanded: str) -> None:
    assert expand(text, ENVIRON) == expanded


@pytest.mark.parametrize("text", ["${}", "${HOST", "${HO ST}", "${1A}", "${HOST-x}", "${A:-${B}"])
def test_a_malformed_reference_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ExpandError) as caught:
        expand(text, ENVIRON)
    assert "VAR" in caught.value.hint or "export" in caught.value.hint


def test_an_unset_variable_names_itself_and_the_nearest_that_is_set() -> None:
    with pytest.raises(ExpandError) as caught:
        expand("${HOTS}", ENVIRON)
    assert caught.value.message == "the environment variable HOTS is not set"
    assert "HOST" in caught.value.hint


@given(st.text())
def test_text_without_references_stays(text: str) -> None:
    plain = text.replace("${", "")
    assert expand(plain, {}) == plain


@given(before=st.text(alphabet="ab$ {}:-"), value=st.text(), after=st.text(alphabet="ab "))
def test_an_escaped_text_comes_back_and_a_value_is_not_looked_at(
    before: str, value: str, after: str
) -> None:
    escaped = before.replace("${", "$${")
    assert expand(escaped, {}) == before
    assert expand(f"{after}${{V}}{after}", {"V": value}) == f"{after}{value}{after}"

"""What is blotted out of a text, and what is left alone."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.logs import Redactor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "connect to postgresql://app:s3cret@db.example:5432/shop?sslmode=require",
            "connect to postgresql://app:***@db.example:5432/shop?sslmode=require",
        ),
        ("postgres://app:p%40ss:w@h/d", "postgres://app:***@h/d"),
        ("postgresql://:s3cret@/shop", "postgresql://:***@/shop"),
        ("host=db password=s3cret dbname=shop", "host=db password=*** dbname=shop"),
        ("host=db password='two words' dbname=shop", "host=db password=*** dbname=shop"),
        ("PGPASSWORD=s3cret psql", "PGPASSWORD=*** psql"),
        ("sslpassword = s3cret", "sslpassword = ***"),
        ('{"password": "s3cret", "port": 1}', '{"password": ***, "port": 1}'),
        ("{'password': 's3cret', 'port': 1}", "{'password': ***, 'port': 1}"),
        ("STORMDB_DATABASE__PASSWORD=s3cret", "STORMDB_DATABASE__PASSWORD=***"),
        ("connect(user='a', password='s3cret')", "connect(user='a', password=***)"),
        ("ALTER ROLE app PASSWORD 's3''cret' LOGIN", "ALTER ROLE app PASSWORD *** LOGIN"),
        (
            "create user a with encrypted password 's3cret'",
            "create user a with encrypted password ***",
        ),
    ],
)
def test_what_looks_like_a_password_is_masked(text: str, expected: str) -> None:
    assert Redactor()(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "app"',
        "the password file /root/.pgpass has the wrong mode",
        "https://example.org/path:with/colon",
        "12:30:01 INFO nothing to hide",
        "postgresql://app@db.example/shop",
    ],
)
def test_what_is_no_password_is_left_alone(text: str) -> None:
    assert Redactor()(text) == text


@given(
    secret=st.text(min_size=6, max_size=30).filter(lambda text: text.strip() == text),
    before=st.text(max_size=10),
    after=st.text(max_size=10),
)
def test_a_known_secret_never_gets_through_however_it_is_written(
    secret: str, before: str, after: str
) -> None:
    redactor = Redactor([secret])
    for written in (
        secret,
        quote(secret, safe=""),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        secret.replace("'", "''"),
    ):
        # What stands around it may hold its characters by chance, so look at the text alone.
        assert redactor(f"<{written}>") in {"<***>", "***"}
        assert written not in redactor(f"{before} {written} {after}") or written in "*** <>"


def test_a_short_secret_is_masked_as_a_word_only() -> None:
    redactor = Redactor(["app"])
    assert redactor("user app at app.example, application") == (
        "user *** at ***.example, application"
    )


def test_the_longest_secret_is_masked_first() -> None:
    assert Redactor(["secret", "secret-and-more"])("a secret-and-more b") == "a *** b"


def test_secrets_can_be_added_and_empty_ones_hide_nothing() -> None:
    redactor = Redactor([""])
    assert redactor("hunter22") == "hunter22"
    redactor.hide("hunter22", "")
    assert redactor("hunter22") == "***"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("password", 1234, "***"),
        ("client_secret", "x", "***"),
        ("rows", 12, 12),
        ("is_open", True, True),
        ("ratio", 0.5, 0.5),
        ("nothing", None, None),
        ("url", "postgresql://a:b@c/d", "postgresql://a:***@c/d"),
        ("path", ["hunter22"], "['***']"),
    ],
)
def test_fields_keep_their_numbers_and_lose_their_secrets(
    key: str, value: object, expected: object
) -> None:
    assert Redactor(["hunter22"]).value(key, value) == expected

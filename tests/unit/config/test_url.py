from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.config.url import UrlError, parse_url


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("postgresql://", {}),
        ("postgres://localhost", {"host": "localhost"}),
        ("postgresql:///shop", {"dbname": "shop"}),
        (
            "postgresql://app:p%40ss%2Fw%3Ard@db.example:5433/shop",
            {
                "username": "app",
                "password": "p@ss/w:rd",
                "host": "db.example",
                "port": "5433",
                "dbname": "shop",
            },
        ),
        ("postgresql://[::1]:5433/x", {"host": "::1", "port": "5433", "dbname": "x"}),
        ("postgresql://[2001:db8::1]", {"host": "2001:db8::1"}),
        ("postgresql://a:1,b,c:3/x", {"host": "a,b,c", "port": "1,5432,3", "dbname": "x"}),
        ("postgresql://%2Ftmp%2Fpg/x", {"host": "/tmp/pg", "dbname": "x"}),
        ("postgresql:///?host=/tmp/pg&port=5433", {"host": "/tmp/pg", "port": "5433"}),
        ("postgresql://:5433/x", {"port": "5433", "dbname": "x"}),
        (
            "postgresql://?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=3",
            {"sslmode": "verify-full", "sslrootcert": "/ca.pem", "connect_timeout": "3"},
        ),
        (
            "postgres://?application_name=me&target_session_attrs=primary&options=-c%20jit%3Doff",
            {
                "application_name": "me",
                "target_session_attrs": "primary",
                "options": "-c jit=off",
            },
        ),
        ("host=localhost port=5433", {"host": "localhost", "port": "5433"}),
        (
            r"host = a password='it\'s \\ here' user=me dbname=my\ db",
            {"host": "a", "password": r"it's \ here", "username": "me", "dbname": "my db"},
        ),
        ("password=''", {"password": ""}),
    ],
)  # fmt: skip
def test_a_connection_string_spells_out_keys(text: str, keys: dict[str, str]) -> None:
    assert parse_url(text) == keys


@pytest.mark.parametrize(
    "text",
    [
        "mysql://root:hush@localhost/x",
        "postgresql://app:hu@sh@localhost/x",
        "postgresql://app:hu/sh@localhost/x",
        "postgresql://app:hu%zzsh@localhost/x",
        "postgresql://app:%ffhush@localhost/x",
        "postgresql://app:hush",
        "postgresql://h:port/hush",
        "postgresql://app:hush@h/x?sslmode",
        "postgresql://app:hush@h/x?ssl=true",
        "hush",
        "host=a hush",
        "password='hush",
    ],
)
def test_a_bad_string_is_explained_without_showing_its_password(text: str) -> None:
    with pytest.raises(UrlError) as caught:
        parse_url(text)
    assert all(hint for _, hint in caught.value.problems)
    assert "hush" not in str(caught.value.problems)


def test_every_wrong_parameter_is_told_and_the_others_are_read() -> None:
    with pytest.raises(UrlError) as caught:
        parse_url("postgresql://h/x?sslmod=require&sslmode=fast&options&zebra=1")
    assert [message for message, _ in caught.value.problems] == [
        "the parameter 'sslmod' is not known",
        "the parameter 'options' has no value",
        "the parameter 'zebra' is not known",
    ]
    assert caught.value.problems[0][1] == "did you mean sslmode?"
    assert caught.value.parts == {"host": "h", "dbname": "x", "sslmode": "fast"}


@given(user=st.text(min_size=1), password=st.text(), dbname=st.text(min_size=1))
def test_every_character_survives_percent_encoding(user: str, password: str, dbname: str) -> None:
    parts = [quote(text, safe="") for text in (user, password, dbname)]
    url = "postgresql://{}:{}@localhost/{}".format(*parts)
    assert parse_url(url) == {
        "username": user,
        "password": password,
        "host": "localhost",
        "dbname": dbname,
    }


@given(st.dictionaries(st.sampled_from(["host", "user", "password", "dbname"]), st.text()))
def test_every_character_survives_quoting(values: dict[str, str]) -> None:
    quoted = {k: v.replace("\\", r"\\").replace("'", r"\'") for k, v in values.items()}
    text = " ".join(f"{name}='{value}'" for name, value in quoted.items())
    renamed = {"username" if name == "user" else name: value for name, value in values.items()}
    assert (parse_url(text) if text else {}) == renamed

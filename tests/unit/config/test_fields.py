from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stormdb.config.fields import (
    Count,
    HostPort,
    Ports,
    Ratio,
    Secret,
    Switch,
    Text,
    bytes_text,
    duration_text,
    rate_text,
    shown,
)
from stormdb.units import parse_bytes, parse_duration, parse_rate


@given(st.integers(0, 2**62))
def test_a_duration_is_written_so_that_it_is_read_as_the_same(ns: int) -> None:
    assert parse_duration(duration_text(ns)) == ns


@given(st.integers(1, 10**13))
def test_a_rate_is_written_so_that_it_is_read_as_the_same(micro_per_s: int) -> None:
    assert parse_rate(rate_text(micro_per_s)) == micro_per_s


@given(st.integers(0, 2**60))
def test_a_size_is_written_so_that_it_is_read_as_the_same(size: int) -> None:
    assert parse_bytes(bytes_text(size)) == size


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (90 * 10**9, "1m30s"),
        (3600 * 10**9, "1h"),
        (5_415_500_000_000, "1h30m15.5s"),
        (86_400 * 10**9, "24h"),
        (60_250_000_000, "1m250ms"),
        (1_500_000, "1.5ms"),
        (7, "7ns"),
    ],
)
def test_a_duration_is_written_as_people_do(ns: int, text: str) -> None:
    assert duration_text(ns) == text


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Count, 5, 5),
        (Count, "5", 5),
        (Count, " -5 ", -5),
        (Count, 5.0, 5),
        (Count, 1e3, 1000),
        (Switch, True, True),
        (Switch, "Yes", True),
        (Switch, "off", False),
        (Text, 1.5, "1.5"),
        (Text, False, "false"),
        (Ports, 5432, (5432,)),
        (Ports, "1, 2", (1, 2)),
        (Ports, [1, "2"], (1, 2)),
    ],
)
def test_values_are_read_as_people_write_them(kind: Any, value: object, read: object) -> None:
    assert TypeAdapter(kind).validate_python(value) == read


REFUSED: list[tuple[Any, list[Any]]] = [
    (Count, [True, 1.5, "1.5", "x", "", None, [], float("inf")]),
    (Switch, [0, 1, "maybe", None]),
    (Text, [None, [], {}]),
    (Ports, [0, 65536, "x", "", True, "1,", [[]], -1, 1.0]),
    (Secret, [None, [], {"a": 1}]),
]


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in REFUSED for value in values]
)
def test_other_values_are_refused_in_our_words(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors()
    assert error["type"] == "stormdb"
    assert error["ctx"]["message"]


def test_a_secret_is_not_shown() -> None:
    secret = TypeAdapter(Secret).validate_python("hush")
    assert "hush" not in repr(secret)
    assert secret.get_secret_value() == "hush"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        (5, "5"),
        (True, "true"),
        (None, "nothing"),
        ([1], "a list"),
        ({}, "a mapping"),
        ("x" * 99, "'" + "x" * 57 + "...'"),
    ],
)
def test_values_are_shown_shortly(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("db:6432", ("db", 6432)),
        ("[::1]:1", ("::1", 1)),
        ("/run/pgbouncer:6432", ("/run/pgbouncer", 6432)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, read: tuple[str, int]) -> None:
    adapter: TypeAdapter[tuple[str, int]] = TypeAdapter(HostPort)
    assert adapter.validate_python(text) == read
    assert adapter.dump_python(read) == text


@pytest.mark.parametrize("text", ["db", ":6432", "db:x", "db:70000", 6432])
def test_what_is_no_address_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(HostPort).validate_python(text)


@pytest.mark.parametrize(
    ("text", "ratio"), [("5%", 0.05), ("0.05", 0.05), (0.05, 0.05), (1, 1.0), ("100 %", 1.0)]
)
def test_a_ratio_is_a_percentage_or_a_number(text: object, ratio: float) -> None:
    assert TypeAdapter(Ratio).validate_python(text) == ratio


@pytest.mark.parametrize("text", ["101%", -0.1, "x", "", "nan", True, None])
def test_what_is_no_ratio_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Ratio).validate_python(text)

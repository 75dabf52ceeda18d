from __future__ import annotations

from typing import Any

import pytest

from stormdb.config.problems import key_text
from stormdb.config.rules import database_type, find_conflicts

STEADY = {"name": "a", "duration": "5s"}


def _conflicts(values: dict[str, Any]) -> list[str]:
    return sorted(key_text(path) for path, _, _ in find_conflicts(values))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"processes": 2, "threads": 2, "io": "poll"},
        {"executor": "auto", "processes": 2, "threads": 2},
        {"executor": "native", "threads": 2, "io": "poll"},
        {"executor": "coroutine", "processes": 2},
        {"database": {"host": "h", "sslcert": "c", "sslkey": "k"}},
        {"database": {"host": "a,b", "port": "1,2"}},
        {"database": {"host": ["a", "b"], "port": 5432}},
        {"database": {"type": "embedded", "settings": {"jit": "on"}, "data_dir": "d"}},
        {"database": {"type": "postgres"}},
        {"executor": "native", "protocol": "simple", "connection_mode": "transient"},
        {"executor": "native", "database": {"host": "h", "max_protocol_version": "3.2"}},
        {"connection_mode": "mixed", "transient_ratio": 0.1, "workers": 2},
        {"load": {"arrival": "trace", "file": "t", "speed": 2, "max_lag": 1, "max_queue": 5}},
        {"load": {"arrival": "trace", "file": "t", "phases": [STEADY]}},
        {
            "load": {
                "arrival": "constant",
                "phases": [{**STEADY, "from": 1, "to": 5, "steps": 5, "role": "steady"}],
            }
        },
        {"load": {"think_time": "5s"}},
        {"load": {"arrival": "constant", "rate": "5/s", "max_queue": 5}},
        {"load": {"phases": [STEADY]}},
        {"load": {"arrival": "poisson", "phases": [{**STEADY, "rate": 5}]}},
        {
            "load": {
                "arrival": "poisson",
                "phases": [{**STEADY, "from": 0, "to": 5, "role": "steady"}],
            }
        },
        {
            "load": {
                "arrival": "poisson",
                "phases": [{**STEADY, "rate": 0, "spike": {"peak": 5}}],
            }
        },
    ],
)
def test_what_fits_together_is_no_conflict(values: dict[str, Any]) -> None:
    assert not _conflicts(values)


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"executor": "native", "processes": 2}, ["processes"]),
        ({"executor": "coroutine", "threads": 2, "io": "auto"}, ["io", "threads"]),
        (
            {"executor": "coroutine", "protocol": "simple", "transaction_timeout": 1},
            ["protocol", "transaction_timeout"],
        ),
        ({"transient_ratio": 0.1}, ["transient_ratio"]),
        ({"connection_mode": "transient", "transient_ratio": 0.1}, ["transient_ratio"]),
        ({"connection_mode": "mixed"}, ["connection_mode"]),
        (
            {"connection_mode": "mixed", "transient_ratio": 0.1, "workers": 1},
            ["connection_mode"],
        ),
        ({"load": {"arrival": "trace"}}, ["load.file"]),
        (
            {"load": {"arrival": "trace", "file": "t", "rate": 5, "think_time": 1}},
            ["load.rate", "load.think_time"],
        ),
        (
            {"load": {"arrival": "poisson", "rate": 5, "file": "t", "speed": 2}},
            ["load.file", "load.speed"],
        ),
        (
            {"load": {"arrival": "trace", "file": "t", "phases": [{**STEADY, "rate": 5}]}},
            ["load.phases[0].rate"],
        ),
        ({"load": {"max_lag": 5}}, ["load.max_lag"]),
        (
            {"load": {"arrival": "constant", "phases": [{**STEADY, "rate": 5, "steps": 3}]}},
            ["load.phases[0].steps"],
        ),
        ({"database": {"host": "h", "data_dir": "d"}}, ["database.data_dir"]),
        ({"database": {"type": "embedded", "port": 5}}, ["database.port"]),
        ({"database": {"host": "a", "port": "1,2"}}, ["database.port"]),
        ({"load": {"rate": 5, "max_queue": 5}}, ["load.max_queue", "load.rate"]),
        ({"load": {"arrival": "constant"}}, ["load.rate"]),
        (
            {"load": {"arrival": "poisson", "rate": 5, "think_time": 1}},
            ["load.think_time"],
        ),
        (
            {"duration": 5, "cool_down": 1, "load": {"phases": [STEADY]}},
            ["cool_down", "duration"],
        ),
        ({"load": {"phases": [{**STEADY, "role": "ramp"}]}}, ["load.phases"]),
        ({"load": {"phases": [STEADY, STEADY]}}, ["load.phases[1].name"]),
        ({"load": {"arrival": "constant", "phases": [STEADY]}}, ["load.phases[0].rate"]),
    ],
)
def test_what_does_not_is_told_with_its_key(values: dict[str, Any], keys: list[str]) -> None:
    assert _conflicts(values) == keys


@pytest.mark.parametrize(
    "values",
    [
        {"database": "x", "load": []},
        {"load": {"arrival": ["closed"], "phases": {"a": 1}}},
        {"load": {"arrival": "unknown", "rate": 5, "phases": ["a", None]}},
        {"database": {"type": "unknown", "host": {}, "port": []}},
        {"executor": ["native"], "processes": 5},
        {"executor": "fast", "processes": 5, "threads": 5},
    ],
)
def test_what_its_own_type_refuses_is_left_to_it(values: dict[str, Any]) -> None:
    assert not _conflicts(values)


def test_a_connection_key_means_a_server_that_runs() -> None:
    assert database_type({"username": "me"}) == "postgres"
    assert database_type({"host": None, "settings": {"jit": "on"}}) == "embedded"

"""The head of the report where it varies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stormdb.analysis import summarise
from stormdb.report.facts import facts_table
from stormdb.results import ExecutorInfo, PhaseInfo, RunResult
from tests.unit.report import results


def facts_of(result: RunResult) -> dict[str, str]:
    names, texts = (column.cells for column in facts_table(summarise(result)).columns)
    return {str(name): str(text) for name, text in zip(names, texts, strict=True)}


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("db.example", "at db.example:5432"),
        ("/var/run/postgresql", "at /var/run/postgresql, port 5432"),
        ("2001:db8::7", "at [2001:db8::7]:5432"),
    ],
)
def test_the_place_of_the_server(host: str, place: str) -> None:
    result = results.simple()
    assert place in facts_of(replace(result, server=replace(result.server, host=host)))["server"]


def test_a_connection_without_tls_says_so() -> None:
    result = results.simple()
    server = replace(result.server, tls="", embedded=False)
    assert "without TLS" in facts_of(replace(result, server=server))["server"]


def test_a_phase_that_was_stopped_says_when() -> None:
    phase = PhaseInfo(
        name="steady", role="steady", start_ns=0, end_ns=7 * 10**9, planned_ns=60 * 10**9
    )
    result = replace(results.simple(), phases=[phase])
    assert facts_of(result)["load"] == "closed loop; steady 1m (stopped after 7 s)"


def test_think_time_is_part_of_the_load() -> None:
    result = replace(results.simple(), config={"load": {"think_time": "50ms"}})
    assert facts_of(result)["load"].startswith("closed loop, think time 50ms; ")
    none = replace(results.simple(), config={"load": {"think_time": "0s"}})
    assert facts_of(none)["load"].startswith("closed loop; ")


def test_what_carried_the_load() -> None:
    result = results.simple()
    native = ExecutorInfo(
        kind="native", threads=1, io="uring", program_digest="sha256:" + "0a" * 32
    )
    assert facts_of(result)["executor"] == "coroutine, 1 process; 2 workers, 2 connections"
    assert facts_of(replace(result, executor=native))["executor"] == (
        "native, 1 thread (io_uring), program 0a0a0a0a0a0a; 2 workers, 2 connections"
    )


def test_what_is_not_there_has_no_line() -> None:
    assert set(facts_of(results.simple())) == {
        "server",
        "settings",
        "generator",
        "executor",
        "load",
        "plugin",
        "config",
    }

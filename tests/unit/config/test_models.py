from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from stormdb.config.course import LoadSettings
from stormdb.config.models import PluginLimits, RunSettings
from tests.unit.config.conftest import messages_of


def test_attributes_carry_units() -> None:
    load = LoadSettings.model_validate({"rate": "2k/s", "think_time": "5ms", "arrival": "poisson"})
    assert load.rate_micro_per_s == 2_000_000_000
    assert load.think_time_ns == 5_000_000
    limits = PluginLimits.model_validate({"memory": "1GiB", "load_timeout": 3})
    assert (limits.memory_bytes, limits.load_timeout_ns) == (1024**3, 3_000_000_000)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("processes", 5, "5 processes cannot share 4 workers"),
        ("max_error_ratio", "101%", "'101%' is not a ratio"),
        ("threads", 5, "5 threads cannot share 4 workers"),
        ("summary_interval", "999ms", "figures come once per second"),
        ("statement_timeout", "999us", "the server counts in milliseconds"),
        ("plugins", {"limits": {"memory": "63MiB"}}, "no plugin runs in so little memory"),
    ],
)
def test_limits_have_reasons(key: str, value: object, message: str) -> None:
    assert messages_of(RunSettings, {"workload": "x", key: value}) == [message]


def test_threads_are_one_per_core_or_as_told() -> None:
    def threads(**keys: object) -> int:
        return RunSettings.model_validate({"workload": "x", "workers": 64, **keys}).threads

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert threads() == threads(threads="auto") == min(cores or 1, 64)
    assert threads(threads="auto", connections=1) == 1
    assert threads(threads=64) == threads(threads="64") == 64


def test_each_thread_needs_two_connections_if_some_are_transient() -> None:
    mixed = {"workload": "x", "connection_mode": "mixed", "transient_ratio": "5%"}
    settings = RunSettings.model_validate({**mixed, "workers": 3})
    assert (settings.threads, settings.transient_ratio) == (1, 0.05)
    assert RunSettings.model_validate({**mixed, "workers": 4, "threads": 2}).threads == 2
    (message,) = messages_of(RunSettings, {**mixed, "workers": 5, "threads": 3})
    assert message == "3 threads cannot share 5 connections, some of them transient"


def test_a_trace_says_how_long_the_run_is(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("0.5\n9.9999\n")

    def duration_ns(speed: float = 1, **keys: object) -> int:
        load = {"arrival": "trace", "file": str(file), "speed": speed}
        return RunSettings.model_validate({"workload": "x", "load": load, **keys}).duration_ns

    assert duration_ns() == 10_000 * 10**6
    assert duration_ns(speed=2) == 5_000 * 10**6
    assert duration_ns(warm_up="2s", cool_down="1s") == 7_000 * 10**6
    assert duration_ns(duration="4s") == 4_000 * 10**6


@pytest.mark.parametrize("text", ["repeatable read", "REPEATABLE READ", "repeatable_read"])
def test_an_isolation_level_is_read_in_any_spelling(text: str) -> None:
    settings = RunSettings.model_validate({"workload": "x", "isolation": text})
    assert settings.isolation == "repeatable read"


def test_a_section_is_closed_to_attribute_names() -> None:
    with pytest.raises(ValidationError):
        RunSettings.model_validate({"workload": "x", "duration_ns": 5})

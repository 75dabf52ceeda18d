from __future__ import annotations

import os
from typing import Any

import pytest
from pydantic import ValidationError

from stormdb.config.models import LoadSettings, PhaseSettings, PluginLimits, RunSettings


def _phase(**keys: Any) -> PhaseSettings:
    return PhaseSettings.model_validate({"name": "a", "duration": "10s", **keys})


def _messages(model: Any, values: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    errors = caught.value.errors()
    return [error["ctx"]["message"] for error in errors if error["type"] == "stormdb"]


def test_attributes_carry_units() -> None:
    load = LoadSettings.model_validate({"rate": "2k/s", "think_time": "5ms", "arrival": "poisson"})
    assert load.rate_micro_per_s == 2_000_000_000
    assert load.think_time_ns == 5_000_000
    limits = PluginLimits.model_validate({"memory": "1GiB", "load_timeout": 3})
    assert (limits.memory_bytes, limits.load_timeout_ns) == (1024**3, 3_000_000_000)


def test_a_ramp_is_no_steady_phase_unless_it_says_so() -> None:
    assert _phase(rate="5/s").role == "steady"
    assert _phase(**{"from": "1/s", "to": "5/s"}).role == "ramp"
    assert _phase(**{"from": "1/s", "to": "5/s", "role": "steady"}).role == "steady"


def test_a_rate_never_falls_below_zero() -> None:
    assert _phase(rate="5/s", sine={"amplitude": "5/s", "period": "1s"})
    phase = {"name": "a", "duration": "9s", "rate": "5/s"}
    sine = {"amplitude": "6/s", "period": "1s"}
    (message,) = _messages(PhaseSettings, {**phase, "sine": sine})
    assert message.startswith("the amplitude is above the rate")


def test_a_spike_lies_within_its_phase() -> None:
    assert _phase(rate="5/s", spike={"peak": "9/s", "at": "9s", "width": "1s"})
    phase = {"name": "a", "duration": "9s", "rate": "5/s"}
    spike = {"peak": "9/s", "at": "8s", "width": "1001ms"}
    (message,) = _messages(PhaseSettings, {**phase, "spike": spike})
    assert message == "the spike ends after its phase"


def test_something_arrives_in_every_phase() -> None:
    assert _phase(rate=0, spike={"peak": "9/s", "at": "1s", "width": "1s"})
    assert _phase(**{"from": 0, "to": "5/s"})
    for rates in ({"rate": 0}, {"from": 0, "to": 0}):
        phase = {"name": "a", "duration": "9s", **rates}
        assert _messages(PhaseSettings, phase) == ["nothing arrives at a rate of 0"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("processes", 5, "5 processes cannot share 4 workers"),
        ("threads", 5, "5 threads cannot share 4 workers"),
        ("summary_interval", "999ms", "figures come once per second"),
        ("statement_timeout", "999us", "the server counts in milliseconds"),
        ("plugins", {"limits": {"memory": "63MiB"}}, "no plugin runs in so little memory"),
    ],
)
def test_limits_have_reasons(key: str, value: object, message: str) -> None:
    assert _messages(RunSettings, {"workload": "x", key: value}) == [message]


def test_threads_are_one_per_core_or_as_told() -> None:
    def threads(**keys: object) -> int:
        return RunSettings.model_validate({"workload": "x", "workers": 64, **keys}).threads

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert threads() == threads(threads="auto") == min(cores or 1, 64)
    assert threads(threads="auto", connections=1) == 1
    assert threads(threads=64) == threads(threads="64") == 64


@pytest.mark.parametrize("text", ["repeatable read", "REPEATABLE READ", "repeatable_read"])
def test_an_isolation_level_is_read_in_any_spelling(text: str) -> None:
    settings = RunSettings.model_validate({"workload": "x", "isolation": text})
    assert settings.isolation == "repeatable read"


def test_a_section_is_closed_to_attribute_names() -> None:
    with pytest.raises(ValidationError):
        RunSettings.model_validate({"workload": "x", "duration_ns": 5})

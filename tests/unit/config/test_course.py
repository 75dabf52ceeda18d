from __future__ import annotations

from typing import Any

import pytest

from stormdb.config.course import LoadSettings, PhaseSettings
from tests.unit.config.conftest import messages_of


def _phase(**keys: Any) -> PhaseSettings:
    return PhaseSettings.model_validate({"name": "a", "duration": "10s", **keys})


def test_a_ramp_is_no_steady_phase_unless_it_says_so() -> None:
    assert _phase(rate="5/s").role == "steady"
    assert _phase(**{"from": "1/s", "to": "5/s"}).role == "ramp"
    assert _phase(**{"from": "1/s", "to": "5/s", "role": "steady"}).role == "steady"


def test_a_rate_never_falls_below_zero() -> None:
    assert _phase(rate="5/s", sine={"amplitude": "5/s", "period": "1s"})
    phase = {"name": "a", "duration": "9s", "rate": "5/s"}
    sine = {"amplitude": "6/s", "period": "1s"}
    (message,) = messages_of(PhaseSettings, {**phase, "sine": sine})
    assert message.startswith("the amplitude is above the rate")


def test_a_spike_lies_within_its_phase() -> None:
    assert _phase(rate="5/s", spike={"peak": "9/s", "at": "9s", "width": "1s"})
    phase = {"name": "a", "duration": "9s", "rate": "5/s"}
    spike = {"peak": "9/s", "at": "8s", "width": "1001ms"}
    (message,) = messages_of(PhaseSettings, {**phase, "spike": spike})
    assert message == "the spike ends after its phase"


def test_something_arrives_in_every_phase() -> None:
    assert _phase(rate=0, spike={"peak": "9/s", "at": "1s", "width": "1s"})
    assert _phase(**{"from": 0, "to": "5/s"})
    for rates in ({"rate": 0}, {"from": 0, "to": 0}):
        phase = {"name": "a", "duration": "9s", **rates}
        assert messages_of(PhaseSettings, phase) == ["nothing arrives at a rate of 0"]


@pytest.mark.parametrize(("speed", "micro"), [("2", 2_000_000), (0.5, 500_000), (1e-6, 1)])
def test_a_speed_is_a_factor(speed: object, micro: int) -> None:
    assert LoadSettings.model_validate({"speed": speed}).micro_speed == micro


@pytest.mark.parametrize("speed", [0, -1, "fast", True, "1e30", "nan"])
def test_what_is_no_factor_is_refused(speed: object) -> None:
    (message,) = messages_of(LoadSettings, {"speed": speed})
    assert message.endswith("is not a factor")

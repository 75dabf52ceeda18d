"""Phases of a configuration as a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stormdb._native import Plan, Schedule
from stormdb.config import RunConfig, load
from stormdb.errors import ConfigError
from stormdb.run.plan import phases_as_run, plan_of

SECOND = 10**9


def config(**flags: Any) -> RunConfig:
    return load(None, workload="bank", flags=flags, environ={})


def test_warm_up_and_cool_down_lie_around_one_steady_phase() -> None:
    plan = plan_of(config(duration="10s", warm_up="2s", cool_down="1s"))
    assert [(phase.role, phase.duration_ns) for phase in plan.phases] == [
        ("warm_up", 2 * SECOND),
        ("steady", 10 * SECOND),
        ("cool_down", SECOND),
    ]
    assert not plan.is_open_loop


def test_warm_up_keeps_the_rate_of_the_run() -> None:
    flags = {"load.arrival": "constant", "load.rate": "500/s", "duration": "10s", "warm_up": "2s"}
    plan = plan_of(config(**flags))
    assert plan.is_open_loop
    assert [plan.planned_count(index) for index in (0, 1)] == [1000, 5000]


def test_arrival_and_seed_reach_the_plan() -> None:
    flags = {"load.arrival": "poisson", "load.rate": "5/s", "seed": "7"}
    plan = plan_of(config(**flags))
    assert (plan.arrival, plan.seed) == ("poisson", 7)
    flags["load.arrival"] = "constant"
    assert plan_of(config(**flags)).arrival == "constant"


@pytest.mark.parametrize(
    ("phase", "count"),
    [
        ({"rate": "100/s"}, 1000),
        ({"from": "0", "to": "100/s", "role": "steady"}, 500),
        ({"from": "10/s", "to": "40/s", "steps": 4, "role": "steady"}, 250),
        ({"rate": "100/s", "sine": {"amplitude": "50/s", "period": "5s"}}, 1000),
        ({"rate": "10/s", "spike": {"peak": "110/s", "at": "2s", "width": "1s"}}, 200),
    ],
)
def test_each_shape_of_a_phase_offers_its_arrivals(phase: dict[str, Any], count: int) -> None:
    flags = {
        "load.arrival": "constant",
        "load.phases": [{"name": "only", "duration": "10s", **phase}],
    }
    plan = plan_of(config(**flags))
    assert plan.planned_count(0) == count


def test_a_trace_reaches_the_plan_at_its_speed(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("0\n1\n4\n")
    flags = {"load.arrival": "trace", "load.file": str(file), "load.speed": "2"}
    plan = plan_of(config(**flags, warm_up="1s"))
    assert (plan.arrival, plan.is_open_loop) == ("trace", True)
    assert [at_ns for _, at_ns, _ in Schedule(plan)] == [0, SECOND // 2, 2 * SECOND]
    assert [plan.planned_count(index) for index in (0, 1)] == [2, 1]
    assert Plan.from_bytes(plan.to_bytes()) == plan


def test_phases_cut_a_trace(tmp_path: Path) -> None:
    file = tmp_path / "times.csv"
    file.write_text("0\n1\n4\n")
    phases = [
        {"name": "fill", "role": "warm_up", "duration": "1s"},
        {"name": "measure", "duration": "2s"},
    ]
    flags = {"load.arrival": "trace", "load.file": str(file), "load.phases": phases}
    assert [due[1:] for due in Schedule(plan_of(config(**flags)))] == [(0, 0), (SECOND, 1)]


def test_an_impossible_phase_is_an_error_of_the_configuration() -> None:
    flags = {
        "load.arrival": "constant",
        "load.phases": [
            {
                "name": "only",
                "duration": "10s",
                "rate": "10/s",
                "sine": {"amplitude": "50/s", "period": "5s"},
            }
        ],
    }
    with pytest.raises(ConfigError, match="amplitude"):
        plan_of(config(**flags))


def test_a_run_that_was_stopped_has_cut_phases() -> None:
    plan = plan_of(config(duration="10s", warm_up="2s", cool_down="1s"))
    phases = phases_as_run(plan, 5 * SECOND)
    assert [(phase.start_ns, phase.end_ns) for phase in phases] == [
        (0, 2 * SECOND),
        (2 * SECOND, 5 * SECOND),
        (5 * SECOND, 5 * SECOND),
    ]
    assert [phase.planned_ns for phase in phases] == [2 * SECOND, 10 * SECOND, SECOND]
    assert phases_as_run(plan)[1].end_ns == 12 * SECOND

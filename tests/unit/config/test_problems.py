from __future__ import annotations

import pytest

from stormdb.config.problems import (
    ConfigProblemsError,
    KeyPath,
    Origin,
    Problem,
    key_text,
    nearest,
)
from stormdb.errors import ConfigError, ExitCode


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("load", "rate"), "load.rate"),
        (("load", "phases", 0, "rate"), "load.phases[0].rate"),
        (("thresholds", 2), "thresholds[2]"),
    ],
)
def test_a_path_is_shown_as_people_write_it(path: KeyPath, text: str) -> None:
    assert key_text(path) == text


@pytest.mark.parametrize(
    ("origin", "key", "place"),
    [
        (Origin("a.yaml", 7), "load.rate", "a.yaml:7: load.rate"),
        (Origin("a.yaml", 7), "", "a.yaml:7"),
        (Origin("a.yaml"), "workload", "a.yaml: workload"),
        (Origin("a.yaml"), "", "a.yaml"),
        (Origin("--warm-up"), "warm_up", "--warm-up"),
        (Origin("--set load.rate"), "load.rate", "--set load.rate"),
        (Origin("--set load"), "load.rate", "--set load: load.rate"),
        (Origin("STORMDB_LOAD__RATE"), "load.rate", "STORMDB_LOAD__RATE"),
    ],
)
def test_a_place_names_the_key_unless_the_source_does(origin: Origin, key: str, place: str) -> None:
    assert origin.at(key) == place


def test_a_problem_is_one_line() -> None:
    problem = Problem(key="a.b", message="is wrong", hint="mend it", origin=Origin("f", 3))
    assert str(problem) == "f:3: a.b: is wrong; hint: mend it"
    assert str(Problem(key="a.b", message="is wrong")) == "a.b: is wrong"
    assert str(Problem(key="", message="is wrong")) == "is wrong"


def test_problems_together_are_a_configuration_error() -> None:
    problems = [Problem(key="a", message="x"), Problem(key="b", message="y")]
    error = ConfigProblemsError(problems)
    assert isinstance(error, ConfigError)
    assert error.exit_code == ExitCode.USAGE
    assert str(error) == "2 problems in the configuration\na: x\nb: y"
    assert error.problems == tuple(problems)


@pytest.mark.parametrize(
    ("word", "near"),
    [("wokers", "workers"), ("WORKERS", "workers"), ("think-time", "think_time"), ("zzz", None)],
)
def test_the_nearest_word_is_the_one_that_was_meant(word: str, near: str | None) -> None:
    assert nearest(word, ["workers", "workload", "think_time"]) == near

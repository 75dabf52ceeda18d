from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from stormdb.config import RunConfig, load

SECRETS = """\
workload: orders
database:
  url: postgresql://app:hush-url@db.example:5433/shop?sslmode=require
workload_config:
  keys: {skew: 0.9, count: '${COUNT}'}
  api_token: hush-token
  login: {name: me, password: hush-nested}
  passwords: {a: hush-a}
  note: ${NOTE}
  access: ${SHOP_TOKEN}
  rate: ${RATE}
test_metadata:
  notes: plain
  tags: [a, '${NOTE}']
"""
ENVIRON = {"NOTE": "hush-note", "RATE": "5", "COUNT": "7", "SHOP_TOKEN": "hush-env"}


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    file = tmp_path / "stormdb.yaml"
    file.write_text(SECRETS)
    return load(file, environ=ENVIRON, overrides=["workers=8"])


def test_nothing_that_is_shown_holds_a_secret(config: RunConfig) -> None:
    shown = json.dumps(config.public())
    assert "hush" not in shown
    assert "hush-url" not in repr(config) + str(config)
    assert "password" not in config.public()["database"]


def test_free_values_are_shown_as_they_were_written(config: RunConfig) -> None:
    public = config.public()
    assert public["workload_config"] == {
        "keys": {"skew": 0.9, "count": "${COUNT}"},
        "api_token": "***",
        "login": {"name": "me", "password": "***"},
        "passwords": "***",
        "note": "${NOTE}",
        "access": "${SHOP_TOKEN}",
        "rate": 5,
    }
    assert public["test_metadata"] == {"notes": "plain", "tags": ["a", "${NOTE}"]}
    assert config.workload_config["keys"] == {"skew": 0.9, "count": "7"}


def test_all_secrets_are_known_to_whoever_must_hide_them(config: RunConfig) -> None:
    assert set(config.secrets) == {
        "hush-url",
        "hush-token",
        "hush-nested",
        "hush-a",
        "hush-env",
    }


def test_what_is_public_is_a_file_that_means_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "workload: orders\nplugins: {paths: [./p]}\nseed: 5\n"
        "statement_timeout: 1500ms\nisolation: REPEATABLE_READ\n"
        "database: {host: 'a,b', port: '1,2', connect_timeout: 3}\nthresholds: [p99<20ms]\n"
        "load: {arrival: poisson, phases: [{name: x, duration: 90, from: 0, to: 0.5/s},"
        " {name: y, duration: 1m1s, rate: 30/min, sine: {amplitude: 1/min, period: 1.5s}}]}\n"
    )
    config = load(file, environ={})
    again = tmp_path / "b.json"
    again.write_text(json.dumps(config.public()))
    assert load(again, environ={}).model_dump() == config.model_dump()
    assert load(again, environ={}).digest == config.digest


@pytest.mark.parametrize(
    ("executor", "absent"),
    [("native", {"processes"}), ("coroutine", {"threads", "io"}), ("auto", set())],
)
def test_what_the_other_executor_takes_is_left_out(
    tmp_path: Path, executor: str, absent: set[str]
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"workload: orders\nexecutor: {executor}\n")
    public = load(file, environ={}).public()
    assert {"processes", "threads", "io"} - set(public) == absent
    file.write_text(json.dumps(public))
    assert set(load(file, environ={}).public()) == set(public)


def test_the_digest_follows_the_public_values(config: RunConfig, tmp_path: Path) -> None:
    file = tmp_path / "stormdb.yaml"
    seed = f"seed={config.seed}"
    same = load(file, environ=ENVIRON, overrides=["workers=8", seed])
    other = load(file, environ=ENVIRON, overrides=["workers=9", seed])
    assert config.digest == same.digest != other.digest
    assert config.digest.startswith("sha256:")
    assert len(config.digest) == 7 + 64


def test_a_key_knows_its_place_or_that_of_its_section(config: RunConfig, tmp_path: Path) -> None:
    file = tmp_path / "stormdb.yaml"
    assert config.where("workload") == f"{file}:1: workload"
    assert config.where("database.port") == f"{file}:3: database.port"
    assert config.where("workload_config.keys.skew") == f"{file}:5: workload_config.keys.skew"
    assert config.where("workload_config.other") == f"{file}:4: workload_config.other"
    assert config.where("test_metadata.tags[1]") == f"{file}:14: test_metadata.tags[1]"
    assert config.where("test_metadata.tags[9]") == f"{file}:14: test_metadata.tags[9]"
    assert config.where("workers") == "--set workers"
    assert config.where("seed") == "seed"


def test_only_what_was_said_is_given(config: RunConfig) -> None:
    assert config.is_given("workers")
    assert not config.is_given("seed")


def test_a_config_is_frozen(config: RunConfig) -> None:
    with pytest.raises(ValidationError):
        config.workers = 5  # type: ignore[misc]


def test_duration_becomes_phases_with_the_load_of_the_run() -> None:
    config = load(
        None,
        workload="x",
        environ={},
        flags={"duration": "30s", "warm_up": "5s", "cool_down": "2s"},
        overrides=["load.arrival=constant", "load.rate=100/s"],
    )
    phases = [(p.name, p.role, p.duration_ns, p.rate_micro_per_s) for p in config.phases]
    assert phases == [
        ("warm-up", "warm_up", 5 * 10**9, 10**8),
        ("steady", "steady", 30 * 10**9, 10**8),
        ("cool-down", "cool_down", 2 * 10**9, 10**8),
    ]


def test_the_duration_of_phases_is_that_of_the_steady_ones() -> None:
    phases = (
        "[{name: a, duration: 5s, role: warm_up}, {name: b, duration: 7s}, {name: c, duration: 1s}]"
    )
    config = load(None, workload="x", environ={}, overrides=[f"load.phases={phases}"])
    assert config.duration_ns == 8 * 10**9
    assert [phase.name for phase in config.phases] == ["a", "b", "c"]


def test_a_config_survives_pickling_and_copying(config: RunConfig) -> None:
    assert config.model_copy(update={"workers": 2}).where("workload") == config.where("workload")

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from stormdb.config import load
from stormdb.config.keys import all_keys
from stormdb.config.schema import default_values, json_schema

VALIDATOR = Draft202012Validator(json_schema())
MALFORMED = Path(__file__).parent / "malformed"


def _errors(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(YAML(typ="safe").load(text))]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_has_its_description() -> None:
    schema = json_schema()

    def property_of(path: tuple[str, ...]) -> dict[str, Any]:
        at: Any = schema
        for part in path:
            items = at.get("items") or at.get("additionalProperties")
            at = items if part == "*" else at["properties"][part]
            if "$ref" in at:
                at = {**schema["$defs"][at["$ref"].rpartition("/")[2]], **at}
        assert isinstance(at, dict)
        return at

    for key in all_keys().values():
        if key.field is not None:
            assert property_of(key.path)["description"], key.name


def test_defaults_are_written_as_in_a_file() -> None:
    schema = json_schema()
    assert schema["properties"]["summary_interval"]["default"] == "10s"
    assert schema["$defs"]["PluginLimits"]["properties"]["memory"]["default"] == "2GiB"
    assert "default" not in schema["properties"]["seed"]
    assert "title" not in json.dumps(schema["$defs"])


def test_the_defaults_are_valid() -> None:
    assert not list(VALIDATOR.iter_errors(default_values()))


def test_what_a_config_shows_of_itself_is_valid() -> None:
    phases = "[{name: a, duration: 5s, rate: 5/s, spike: {at: 1s, width: 1s, peak: 9/s}}]"
    config = load(
        None,
        workload="x",
        environ={},
        overrides=["load.arrival=constant", f"load.phases={phases}", "database.host=a,b"],
    )
    assert not list(VALIDATOR.iter_errors(config.public()))


@pytest.mark.parametrize(
    "text",
    [
        "workers: ${WORKERS}",
        "database: {port: '${PORT:-5432}', password: 5, sslmode: '${MODE}'}",
        "load: {arrival: poisson, rate: 1.5k/s}",
        "duration: 90",
        "thresholds: [p99 < 20ms, throughput >= 5/s]",
        "workload_config: {anything: {goes: [1]}}",
    ],
)
def test_an_editor_takes_what_the_loader_takes(text: str) -> None:
    assert not _errors(text)


@pytest.mark.parametrize(
    "text",
    [
        "workres: 4",
        "workers: 0",
        "workers: many",
        "duration: soon",
        "load: {rate: fast}",
        "load: {phases: [{name: a}]}",
        "database: {sslmode: on}",
        "database: {port: 99999}",
        "plugins: {limits: {memory: much}}",
        "thresholds: [p99]",
        "isolation: snapshot",
    ],
)
def test_an_editor_marks_what_the_loader_refuses(text: str) -> None:
    assert _errors(text)


@pytest.mark.parametrize(
    "name", ["unknown_keys", "wrong_types", "out_of_range", "units", "words", "port", "phases"]
)
def test_malformed_files_are_marked(name: str) -> None:
    assert _errors((MALFORMED / f"{name}.yaml").read_text())

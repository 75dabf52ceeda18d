"""docs/configuration.md holds every key: `pytest --snapshot-update` writes its table."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from jsonschema import Draft202012Validator
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from stormdb.config import load
from stormdb.config.connection import PG_VARIABLES
from stormdb.config.keys import Key, all_keys
from stormdb.config.layers import OTHER_VARIABLES
from stormdb.config.schema import default_values, json_schema

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"
TABLE = re.compile(r"^\| key \| default \| meaning \|\n(?:\|.*\n)*", re.MULTILINE)


def _code(value: Any) -> str:
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _default(key: Key, field: FieldInfo) -> str:
    has_none = field.is_required() or field.default_factory or "*" in key.path
    if has_none or key.kind == "section" or key.path == ("database", "type"):
        return ""
    value: Any = default_values()
    for part in key.path:
        value = value.get(part)
    return "" if value in (None, {}, [], "") else _code(value)


def _words(annotation: Any) -> tuple[str, ...]:
    """The words that a key allows, if it allows only some."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((words for part in get_args(annotation) if (words := _words(part))), ())


def _table() -> str:
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for key in all_keys().values():
        # Below `workloads` are the keys of the top level again.
        if (field := key.field) is None or key.path[:2] == ("workloads", "*"):
            continue
        meaning = field.description or ""
        words = _words(field.annotation)
        if words and not all(f"`{word}`" in meaning for word in words):
            meaning += f" One of {', '.join(map(_code, words))}."
        if field.examples:
            meaning += f" Example: {_code(field.examples[0])}"
        lines.append(f"| `{key.name}` | {_default(key, field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_keys_is_that_of_the_models(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if request.config.option.update_snapshots:
        PAGE.write_text(TABLE.sub(lambda _: _table(), text), encoding="utf-8")
    else:
        assert TABLE.findall(text) == [_table()]


def test_every_variable_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| `(PG\w+)` \|", text, re.MULTILINE))
    assert {variable: key for key, variable in rows.items()} == PG_VARIABLES
    assert all(f"`{name}`" in text for name in OTHER_VARIABLES)


def test_every_example_is_read() -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    validator = Draft202012Validator(json_schema())
    for block in blocks:
        assert not list(validator.iter_errors(YAML(typ="safe").load(block)))
    example = Path(__file__).parent / "examples" / "phases.yaml"
    assert example.read_text() in blocks


@pytest.mark.parametrize("file", sorted((Path(__file__).parent / "examples").glob("*.yaml")))
def test_examples_of_the_page_load(file: Path) -> None:
    config = load(file, environ={})
    assert [phase.role for phase in config.phases][:3] == ["warm_up", "ramp", "steady"]

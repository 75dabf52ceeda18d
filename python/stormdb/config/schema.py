"""JSON schema of the configuration file, for editors and other programs."""

from __future__ import annotations

from typing import Any

from stormdb.config.keys import Key, all_keys
from stormdb.config.models import RunSettings

__all__ = ["default_values", "json_schema"]

_REFERENCE = {"type": "string", "pattern": r"\$\{.+\}"}
"""`${VAR}` can stand for every single value."""


def default_values() -> dict[str, Any]:
    """What a file that names only a workload means, in the form of a file."""
    settings = RunSettings.model_validate({"workload": "-"})
    return settings.model_dump(mode="json", by_alias=True, exclude_none=True)


def json_schema() -> dict[str, Any]:
    """The schema: keys as in the file, with descriptions, defaults, examples and units."""
    schema = RunSettings.model_json_schema(by_alias=True)
    for model in (schema, *schema["$defs"].values()):
        model.pop("title", None)
        model["properties"] = {name: _property(part) for name, part in model["properties"].items()}
    defaults = default_values()
    for key in all_keys().values():
        if "*" not in key.path and key.kind != "section":
            _add_default(schema, key, defaults)
    # A workload can be named on the command line.
    schema.pop("required")
    schema["$defs"]["WorkloadSettings"].pop("required")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stormdb configuration",
        **schema,
    }


def _property(part: dict[str, Any]) -> dict[str, Any]:
    """Without pydantic's titles, null and defaults in nanoseconds; with `${VAR}`."""
    part = {name: value for name, value in part.items() if name not in {"title", "default"}}
    options = [option for option in part.pop("anyOf", [part]) if option.get("type") != "null"]
    notes: dict[str, Any] = {
        name: part[name] for name in ("description", "examples") if name in part
    }
    if any("$ref" in option or option.get("type") in ("object", "array") for option in options):
        return {**options[0], **notes}
    single = [
        {name: value for name, value in option.items() if name not in notes} for option in options
    ]
    return {**notes, "anyOf": [*single, _REFERENCE]}


def _add_default(schema: dict[str, Any], key: Key, defaults: dict[str, Any]) -> None:
    if key.field is None or key.field.default_factory or key.field.is_required():
        return
    model: Any = schema
    value: Any = defaults
    for part in key.path[:-1]:
        model = schema["$defs"][model["properties"][part]["$ref"].rpartition("/")[2]]
        value = value[part]
    if key.path[-1] in value:
        model["properties"][key.path[-1]]["default"] = value[key.path[-1]]

"""What pydantic found, said in this project's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from stormdb.config.fields import shown
from stormdb.config.keys import all_keys, find_key, known_keys
from stormdb.config.layers import Layer
from stormdb.config.problems import KeyPath, Origin, Problem, key_text, nearest

__all__ = ["explain", "origin_of"]

_FORMER_KEYS = {
    "collect_pg_stats": "remove it: stormdb reads no server statistics yet",
    "data_loading": "put such keys below workload_config, for the workload to read",
    "pg_stats_statements": "remove it: the embedded server has pg_stat_statements loaded",
    "progressive": "describe the course of the load in load.phases",
    "results_backend": "write the result to a file with --json",
}
"""Keys of the Go tool of the same name, and what stands for them here."""


def explain(error: ValidationError, merged: Layer) -> list[Problem]:
    """One problem for each error; the value of a secret is not shown."""
    problems = []
    for item in error.errors(include_url=False):
        if item["type"] == "default_factory_not_called":
            continue  # it follows from another problem
        path = tuple(item["loc"])
        message, hint = _words(item["type"], path, item["input"], item.get("ctx", {}))
        problems.append(
            Problem(key=key_text(path), message=message, hint=hint, origin=origin_of(merged, path))
        )
    return problems


def origin_of(merged: Layer, path: KeyPath) -> Origin | None:
    """Place of a key, or of the nearest section above it that was given."""
    for length in range(len(path), 0, -1):
        if path[:length] in merged.origins:
            return merged.origins[path[:length]]
    return None


def _words(kind: str, path: KeyPath, value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    key = find_key(path)
    text = "the value" if key and key.kind == "secret" else shown(value)
    match kind:
        case "stormdb":
            return context["message"], context["hint"]
        case "extra_forbidden":
            return _unknown(path)
        case "missing":
            return "the key is missing", _example(path)
        case "literal_error":
            allowed = [
                word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")
            ]
            near = nearest(str(value), allowed) if isinstance(value, str) else None
            start = f"did you mean {near}? " if near else ""
            return f"{text} is not allowed", f"{start}allowed are {', '.join(allowed)}"
        case "greater_than_equal":
            return f"{text} is too small", f"the least is {context['ge']}"
        case "less_than_equal":
            return f"{text} is too large", f"the most is {context['le']}"
        case "greater_than":
            return f"{text} is too short", "it must be more than nothing"
        case "string_too_short" | "too_short":
            return "the value is empty", _example(path)
        case "string_too_long":
            return f"the text is longer than {context['max_length']} characters", "shorten it"
        case "tuple_type" | "list_type":
            return f"{text} is not a list", "write `- item` lines, or [a, b]"
        case "model_type" | "dict_type" | "model_attributes_type" | "dataclass_type":
            return f"{text} is not a section", _section_hint(path)
        case _:
            return f"{text} does not fit ({kind.replace('_', ' ')})", ""


def _unknown(path: KeyPath) -> tuple[str, str]:
    name = str(path[-1])
    message = "no such key"
    if len(path) == 1 and name in _FORMER_KEYS:
        return message, _FORMER_KEYS[name]
    siblings = known_keys(path[:-1])
    near = nearest(name, siblings)
    if near:
        return message, f"did you mean {near}?"
    elsewhere = [key.name for p, key in all_keys().items() if p[-1] == name and key.field]
    if elsewhere:
        return message, f"did you mean {elsewhere[0]}?"
    if len(path) == 1:
        return message, "keys of a workload's own go below workload_config"
    return message, f"allowed are {', '.join(siblings)}"


def _example(path: KeyPath) -> str:
    if path == ("workload",):
        return "`stormdb workloads list` shows what there is"
    key = find_key(path)
    description = key.field.description if key and key.field else None
    return f"it says: {description.rstrip('.').lower()}" if description else ""


def _section_hint(path: KeyPath) -> str:
    siblings = known_keys(path)
    return f"write its keys below it: {', '.join(siblings)}" if siblings else "write keys below it"

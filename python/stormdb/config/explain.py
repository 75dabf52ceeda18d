"""What pydantic found, said in this project's words."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stormdb.config.fields import shown
from stormdb.config.keys import Key, all_keys, find_key, known_keys
from stormdb.config.layers import Layer
from stormdb.config.problems import KeyPath, Origin, Problem, key_text, nearest, origin_of
from stormdb.config.wording import describe

__all__ = ["explain"]

_OTHER_WORDS = {
    "clients": "workers",
    "database": "dbname",
    "jobs": "processes",
    "threads": "processes",
    "time": "duration",
}
"""Words of other tools for a key of the same section."""

_FORMER_KEYS = {
    "collect_pg_stats": "remove it: statistics of the server are not collected",
    "data_loading": "put such keys below workload_config, for the workload to read",
    "pg_stats_statements": "remove it: the embedded server has pg_stat_statements loaded",
    "progressive": "describe the course of the load in load.phases",
    "results_backend": "write the result to a file with --json",
}
"""Keys of the Go tool of the same name, and what stands for them here."""


def explain(error: ValidationError, merged: Layer, file: Path | None = None) -> list[Problem]:
    """One problem for each error; the value of a secret is not shown.

    Args:
        error: what the models refuse.
        merged: the values that they were given.
        file: the place of a missing key at the top level.
    """
    problems = []
    for item in error.errors(include_url=False):
        if item["type"] == "default_factory_not_called":
            continue  # it follows from another problem
        path = tuple(item["loc"])
        message, hint = _words(item, path)
        origin = origin_of(merged.origins, path) or (Origin(str(file)) if file else None)
        problems.append(Problem(key=key_text(path), message=message, hint=hint, origin=origin))
    return problems


def _words(item: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    kind, context = item["type"], item.get("ctx", {})
    key = find_key(path)
    if kind == "stormdb":
        return context["message"], context["hint"]
    if kind == "extra_forbidden":
        return "no such key", _unknown(path)
    if kind == "missing":
        return "the key is missing", _missing(key)
    if kind == "greater_than":  # Only durations have such a limit, and 0 is the only one.
        return f"{shown(item['input'])} is too short", "it must be longer than 0s"
    if kind == "string_too_short":
        return "the text is empty", "write a text"
    message, hint = describe(item, is_secret=key is not None and key.kind == "secret")
    return message, f"{hint}: {', '.join(known_keys(path))}" if kind == "model_type" else hint


def _unknown(path: KeyPath) -> str:
    """Hint for a key that does not exist: the one that was meant."""
    name = str(path[-1])
    if len(path) == 1 and name in _FORMER_KEYS:
        return _FORMER_KEYS[name]
    siblings = known_keys(path[:-1])
    near = _OTHER_WORDS.get(name)
    if near not in siblings:
        near = nearest(name, siblings)
    places = sorted(
        (key for at, key in all_keys().items() if at[-1] == name), key=lambda key: len(key.path)
    )
    if places and not near:
        above = ".".join(places[0].path[:-1])
        return f"it belongs {f'below {above}' if above else 'to the top level'}"
    if near:
        return f"did you mean {near}?"
    if len(path) == 1:
        return "keys of the workload's own belong below workload_config"
    return f"allowed are {', '.join(siblings)}"


def _missing(key: Key | None) -> str:
    if key is None or key.field is None:
        return ""
    if key.path == ("workload",):
        return "name a workload; `stormdb workloads list` shows them"
    return f"add `{key.path[-1]}: {(key.field.examples or ['…'])[0]}`"

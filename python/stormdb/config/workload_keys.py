"""Problems of the keys below `workload_config`, as the workload's own model finds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from stormdb.config.fields import shown
from stormdb.config.problems import KeyPath, nearest
from stormdb.config.secret_names import sounds_secret
from stormdb.config.wording import describe

__all__ = ["WorkloadKeyProblem", "explain_workload_keys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadKeyProblem:
    """One thing that is wrong.

    Attributes:
        path: of the value below `workload_config`, such as `("regions", 0, "name")`.
        message: what is wrong.
        hint: what is allowed; may be "".
    """

    path: KeyPath
    message: str
    hint: str


def explain_workload_keys(
    error: ValidationError, model: type[BaseModel], values: Mapping[str, Any]
) -> list[WorkloadKeyProblem]:
    """One problem for each value, in the order of the model.

    Args:
        error: what the model refuses.
        model: the workload's.
        values: that it was given.
    """
    found: dict[KeyPath, list[ErrorDetails]] = {}
    for item in error.errors(include_url=False):
        found.setdefault(_path(item, values), []).append(item)
    problems = []
    for path, items in found.items():
        words = [_words(item, path, model) for item in items]
        message = words[0][0]
        if len(words) > 1:  # Each form that the value may have refuses it.
            message = "the value will not do"
            if not any(map(sounds_secret, path)):
                message = f"{shown(items[0]['input'])} will not do"
        hints = dict.fromkeys(hint for _, hint in words if hint)
        problems.append(WorkloadKeyProblem(path=path, message=message, hint=", or ".join(hints)))
    return problems


def _path(item: ErrorDetails, values: Any) -> KeyPath:
    """The place of an error without what pydantic adds, such as the branch of a union."""
    path: list[str | int] = []
    last = len(item["loc"]) - 1
    for number, part in enumerate(item["loc"]):
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            if item["type"] != "missing" or number < last:
                continue
        path.append(part)
    return tuple(path)


def _words(item: ErrorDetails, path: KeyPath, model: type[BaseModel]) -> tuple[str, str]:
    if item["type"] not in {"extra_forbidden", "missing"}:
        return describe(item, is_secret=any(map(sounds_secret, path)))
    section = _model_at(model, path[:-1])
    fields = _fields(section) if section else {}
    name = str(path[-1])
    if item["type"] == "missing" and isinstance(path[-1], int):
        return "the item is missing", ""
    if item["type"] == "missing":
        examples = fields[name].examples if name in fields else None
        return "the key is missing", f"add `{name}: {(examples or ['…'])[0]}`"
    near = nearest(name, fields)
    if near or not fields:
        return "no such key", f"did you mean {near}?" if near else ""
    return "no such key", f"allowed are {', '.join(fields)}"


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """The model of a section below another; None if the annotations do not tell."""
    for part in path:
        fields = _fields(model)
        if part not in fields:
            continue  # Items of a list or mapping have the model that it is made of.
        nested = next(_models(fields[str(part)].annotation), None)
        if nested is None:
            return None
        model = nested
    return model


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By the name that a file uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)

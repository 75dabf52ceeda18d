"""The keys of a configuration file, read off the models."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stormdb.config.fields import Kind
from stormdb.config.models import RunSettings
from stormdb.config.problems import KeyPath

__all__ = ["Key", "all_keys", "find_key", "known_keys"]


_UNIONS = {Union, types.UnionType}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key.

    Attributes:
        path: from the top; "*" stands for any index of a list or any key of a free mapping.
        kind: `section`, `free` (a mapping with any keys), `text`, `path`, `secret`, or `value`
            for everything that YAML gives a type.
        field: the model's field; None for what "*" stands for.
    """

    path: tuple[str, ...]
    kind: str
    field: FieldInfo | None

    @property
    def name(self) -> str:
        """As messages and documents show it: `load.phases[].rate`."""
        return ".".join(self.path).replace(".*", "[]")


@cache
def all_keys() -> dict[tuple[str, ...], Key]:
    """Every key by its path, in the order of the models."""
    return {key.path: key for key in _walk(RunSettings, ())}


def find_key(path: KeyPath) -> Key | None:
    """The key that a path of a document belongs to; None if there is none.

    What lies below a free mapping belongs to that mapping.
    """
    keys = all_keys()
    found: Key | None = None
    at: tuple[str, ...] = ()
    for part in path:
        exact = keys.get((*at, str(part))) if isinstance(part, str) else None
        found_next = exact or keys.get((*at, "*"))
        if found_next is None:
            return found if found and found.kind == "free" else None
        found, at = found_next, found_next.path
    return found


def known_keys(path: KeyPath) -> list[str]:
    """Names of the keys of a section."""
    section = tuple("*" if isinstance(part, int) else part for part in path)
    return [p[-1] for p in all_keys() if p[:-1] == section and p[-1] != "*"]


def _walk(model: type[BaseModel], prefix: tuple[str, ...]) -> Iterator[Key]:
    for name, info in model.model_fields.items():
        path = (*prefix, info.alias or name)
        kind, inner = _classify(info.annotation, info.metadata)
        yield Key(path=path, kind=kind, field=info)
        if kind == "section":
            yield from _walk(inner, path)
        elif inner is not None:
            items = (*path, "*")
            item_kind, model = _classify(inner, [])
            yield Key(path=items, kind=item_kind, field=None)
            if model is not None:
                yield from _walk(model, items)


def _classify(annotation: Any, metadata: list[Any]) -> tuple[str, Any]:
    """Kind of a field, and the model or marked text inside of it; None if there is none."""
    while hasattr(annotation, "__metadata__") or get_origin(annotation) in _UNIONS:
        inner, *rest = get_args(annotation)
        if hasattr(annotation, "__metadata__"):
            metadata = [*metadata, *rest]
        annotation = inner if inner is not type(None) else rest[0]
    for mark in metadata:
        if isinstance(mark, Kind):
            return mark.name, None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section", annotation
    if get_origin(annotation) not in {tuple, dict}:
        return "value", None
    kind, item = ("value", 0) if get_origin(annotation) is tuple else ("free", 1)
    return kind, _item(get_args(annotation)[item])


def _item(annotation: Any) -> Any:
    """Type of the items of a list or free mapping, if the layers need to know it."""
    kind, _ = _classify(annotation, [])
    return None if kind == "value" or annotation is Any else annotation

"""`workloads`: several in one run, each with its own keys laid over those of the top level.

A key that a workload says replaces that of the top level whole, sections too: a `load` of its own
takes nothing from the other one. What belongs to the run as a whole, such as the server, is said
at the top level alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from stormdb.config.keys import known_keys
from stormdb.config.layers import Layer
from stormdb.config.models import WorkloadSettings
from stormdb.config.problems import KeyPath, Origin, key_text, nearest, origin_of
from stormdb.config.rules import EXECUTOR_KEYS

__all__ = [
    "COURSE_KEYS",
    "KEYS_OF_ONE",
    "KEYS_OF_THE_WHOLE",
    "Entry",
    "derived_seed",
    "entries_of",
    "selected",
]

_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
_MOST_NAME_CHARACTERS = 40
KEYS_OF_ONE = frozenset(info.alias or name for name, info in WorkloadSettings.model_fields.items())
"""What one of several workloads may say."""
_SHARED_KEYS = set(known_keys(())) - KEYS_OF_ONE
KEYS_OF_THE_WHOLE = frozenset({*_SHARED_KEYS, "thresholds"})
"""What the top level says about the run itself, beside workloads of several."""
_NO_DEFAULTS = {"workload", "thresholds", "seed"}
"""Keys of the top level that its workloads do not take over."""
COURSE_KEYS = ("duration", "warm_up", "cool_down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One workload of several.

    Attributes:
        name: its key below `workloads`.
        layer: every key that counts for it, as a file of its own would say them.
        of_the_top: keys that the top level says, or alone may say.
    """

    name: str
    layer: Layer
    of_the_top: frozenset[str]

    @property
    def ends_with_the_run(self) -> bool:
        """Whether it starts later and says nothing of how long its load lasts."""
        values = self.layer.values
        load = values.get("load")
        has_course = isinstance(load, dict) and (load.get("phases") or load.get("file"))
        has_duration = "duration" in values and "duration" not in self.of_the_top
        return bool(values.get("start_after")) and not has_duration and not has_course

    def key(self, key: str) -> str:
        """A key as the file has it, such as `workloads.checkout.load.rate`."""
        return key if _section(key) in self.of_the_top else f"workloads.{self.name}.{key}"


def entries_of(merged: Layer) -> list[Entry]:
    """Take `workloads` out of the merged layers.

    Args:
        merged: all layers; loses `workloads` and gains the problems of its form.

    Returns:
        The workloads in their order; none if the run has one only, or the key is of no use.
    """
    if merged.values.pop("start_after", None) is not None:
        merged.complain(
            ("start_after",),
            "the run itself starts at once",
            "give it to one of `workloads`",
            _place(merged, ("start_after",)),
        )
    workloads = merged.values.pop("workloads", None)
    if workloads is None or workloads == {}:
        return []
    path: KeyPath = ("workloads",)
    if not isinstance(workloads, dict):
        merged.complain(
            path,
            "the workloads have no names",
            "write `workloads: {checkout: {…}, report: {…}}`",
            _place(merged, path),
        )
        return []
    return [
        _entry(merged, name, values or {})
        for name, values in workloads.items()
        if not _complain(merged, name, values)
    ]


def selected(entries: list[Entry], merged: Layer) -> list[Entry]:
    """The workload that `workload` or the command line picks out, or all of them."""
    name = merged.values.get("workload")
    if name is None or not entries:
        return entries
    names = [entry.name for entry in entries]
    if name not in names:
        near = nearest(str(name), names)
        merged.complain(
            ("workload",),
            f"none of `workloads` is called {name!r}",
            f"did you mean {near}?" if near else f"there are {', '.join(names)}",
            _place(merged, ("workload",)),
        )
        return entries
    return [entry for entry in entries if entry.name == name]


def derived_seed(seed: int, name: str) -> int:
    """The seed of one workload of several: two of one kind do not do the same at the same time."""
    return int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:4])


def _complain(merged: Layer, name: str, values: Any) -> bool:
    """Whether a workload cannot be read; its problems are noted."""
    path: KeyPath = ("workloads", name)
    known_count = len(merged.problems)
    if not _NAME.fullmatch(name) or len(name) > _MOST_NAME_CHARACTERS:
        merged.complain(
            path,
            f"{name!r} is no name of a workload",
            f"use up to {_MOST_NAME_CHARACTERS} letters, digits, - and _",
            _place(merged, path),
        )
    if values is not None and not isinstance(values, dict):
        merged.complain(
            path,
            "a workload is described by keys",
            f"write `{name}: {{workload: quickstart}}`",
            _place(merged, path),
        )
        return True
    for key in values or {}:
        if key in _SHARED_KEYS:
            merged.complain(
                (*path, key),
                "the key is of the run as a whole",
                f"put {key} at the top level",
                _place(merged, (*path, key)),
            )
        elif key != "workload" and (origin := _said_by_a_flag(merged, name, key)):
            merged.complain(
                (*path, key),
                f"the workload says this itself, so {origin.source} has no effect on it",
                f"write --set workloads.{name}.{key}…",
                _place(merged, (*path, key)),
            )
    return len(merged.problems) > known_count


def _said_by_a_flag(merged: Layer, name: str, key: str) -> Origin | None:
    """The flag that says a key for every workload, while a file says it for one."""
    own = [o for path, o in merged.origins.items() if path[:3] == ("workloads", name, key)]
    if any(map(_is_flag, own)):
        return None
    return next((o for path, o in merged.origins.items() if path[0] == key and _is_flag(o)), None)


def _is_flag(origin: Origin) -> bool:
    return origin.source.startswith("--")


def _entry(merged: Layer, name: str, values: Mapping[str, Any]) -> Entry:
    above: KeyPath = ("workloads", name)
    gone = {*_NO_DEFAULTS, *values, *_superseded(values)}
    layer = Layer(
        {key: value for key, value in merged.values.items() if key not in gone},
        _kept(merged.origins, gone),
        _kept(merged.templates, gone),
    )
    for path, origin in merged.origins.items():
        if path[:2] == above and len(path) > 2:
            layer.origins[path[2:]] = origin
    for path, template in merged.templates.items():
        if path[:2] == above and len(path) > 2:
            layer.templates[path[2:]] = template
    layer.values = {**layer.values, "workload": name, **values}
    of_the_top = {key for key in layer.values if key not in values} - {"workload"}
    return Entry(name=name, layer=layer, of_the_top=frozenset(_SHARED_KEYS | of_the_top))


def _superseded(values: Mapping[str, Any]) -> Iterator[str]:
    """Keys of the top level that make no sense beside what a workload says itself."""
    load = values.get("load")
    if isinstance(load, dict) and load.get("phases"):
        yield from COURSE_KEYS
    if (executor := values.get("executor")) in EXECUTOR_KEYS.values():
        yield from (key for key, other in EXECUTOR_KEYS.items() if other != executor)


def _kept(places: Mapping[KeyPath, Any], gone: set[str]) -> dict[KeyPath, Any]:
    return {path: item for path, item in places.items() if path[0] not in gone}


def _section(key: str) -> str:
    return re.split(r"[.\[]", key, maxsplit=1)[0]


def _place(merged: Layer, path: KeyPath) -> Origin:
    return origin_of(merged.origins, path) or Origin(key_text(path))

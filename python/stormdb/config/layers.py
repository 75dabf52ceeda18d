"""The layers of a configuration and how they are laid over each other.

From the lowest: defaults (in the models), the file, `STORMDB_…` variables, flags, `--set`. The
PG… variables lie below the file, for the connection alone: `connection` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stormdb.config.document import Document, parse_scalar
from stormdb.config.keys import Key, all_keys, find_key, known_keys
from stormdb.config.problems import KeyPath, Origin, Problem, key_text, nearest
from stormdb.config.url import UrlError, parse_url

__all__ = [
    "CONNECTION_KEYS",
    "EMBEDDED_KEYS",
    "Layer",
    "file_layer",
    "flag_layer",
    "merge",
    "set_layer",
    "variable_layer",
]

EMBEDDED_KEYS = ("settings", "data_dir", "pg_bin")
CONNECTION_KEYS = tuple(
    key for key in known_keys(("database",)) if key not in ("type", "plugin_role", *EMBEDDED_KEYS)
)

PREFIX = "STORMDB_"
OTHER_VARIABLES = ("STORMDB_CONFIG", "STORMDB_LOG_LEVEL", "STORMDB_LOG_FORMAT", "STORMDB_LOG_FILE")
"""Variables with the prefix that are no keys of the configuration."""


@dataclass(slots=True)
class Layer:
    """Values of one source.

    Attributes:
        values: nested, as in a file.
        origins: place of each key.
        templates: what was written where a `${VAR}` was filled in.
        problems: what is wrong with the source itself.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)
    templates: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, path: KeyPath, value: Any, origin: Origin) -> None:
        """Set one key, making the sections above it; what is in the way is replaced."""
        section: Any = self.values
        for index, part in enumerate(path[:-1], start=1):
            self.origins.setdefault(path[:index], origin)
            if not isinstance(section.get(part), dict):
                section[part] = {}
            section = section[part]
        section[path[-1]] = value
        self.origins[path] = origin

    def complain(self, path: KeyPath, message: str, hint: str, origin: Origin) -> None:
        """Note a problem."""
        self.problems.append(Problem(key=key_text(path), message=message, hint=hint, origin=origin))


def file_layer(document: Document, base: Path) -> Layer:
    """Values of a file; its relative paths start at the folder of the file.

    Args:
        document: the file, read.
        base: folder of the file.
    """
    layer = Layer(document.values, document.origins, document.templates, document.problems)
    _drop_empty(layer.values, ())
    for path, text in document.texts.items():
        # A single text can stand for a list of one.
        key = find_key((*path, 0)) or find_key(path)
        if key is None or key.kind not in {"text", "path", "secret"}:
            continue
        if _at(layer.values, path) is None:  # nothing was written, or its problem is known
            continue
        value = _absolute(text, base) if key.kind == "path" else text
        _at(layer.values, path[:-1])[path[-1]] = value
    _spell_out_url(layer, base)
    return layer


def variable_layer(environ: Mapping[str, str]) -> Layer:
    """Values of `STORMDB_DATABASE__PASSWORD` and its like; an empty one counts as unset."""
    layer = Layer()
    names = {PREFIX + "__".join(p).upper(): p for p in all_keys() if "*" not in p}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        if variable in OTHER_VARIABLES:
            continue
        path = names.get(variable) or _free_path(variable, names)
        if path is None:
            near = nearest(variable, [*names, *OTHER_VARIABLES])
            layer.complain(
                (),
                "no key of the configuration has this variable",
                f"did you mean {near}?" if near else "`stormdb config schema` lists the keys",
                Origin(variable),
            )
            continue
        if environ[variable]:
            _put_text(layer, path, environ[variable], Origin(variable))
    _spell_out_url(layer, Path())
    return layer


_FLAGS = {"plugins.files": "--plugin", "plugins.paths": "--plugin-path"}
"""Flags that are not called as the last part of their key."""


def flag_layer(flags: Mapping[str, object]) -> Layer:
    """Values of the command's own flags.

    Args:
        flags: by key (`database.host`); None for a flag that was not given.
    """
    layer = Layer()
    for name, value in flags.items():
        if value is not None:
            flag = _FLAGS.get(name) or "--" + name.rpartition(".")[2].replace("_", "-")
            plain = list(value) if isinstance(value, tuple) else value
            layer.put(tuple(name.split(".")), plain, Origin(flag))
    _spell_out_url(layer, Path())
    return layer


def set_layer(overrides: Sequence[str]) -> Layer:
    """Values of `--set key.sub=value`; the last one wins."""
    layer = Layer()
    for override in overrides:
        name, equals, text = override.partition("=")
        name = name.strip()
        if not equals or not name:
            layer.complain((), f"{name!r} has no value", "write --set key=value", Origin("--set"))
            continue
        _put_text(layer, tuple(name.split(".")), text, Origin(f"--set {name}"))
    _spell_out_url(layer, Path())
    return layer


def merge(layers: Iterable[Layer]) -> Layer:
    """Lay the layers over each other, the last one on top: by key; a list as a whole."""
    merged = Layer()
    for layer in layers:
        database = layer.values.get("database")
        if isinstance(database, dict):
            _make_room(merged, database)
        _lay(merged, layer, (), layer.values)
        merged.problems += layer.problems
    return merged


def _lay(merged: Layer, layer: Layer, at: KeyPath, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        path = (*at, name)
        if isinstance(value, dict) and isinstance(_at(merged.values, path), dict) and value:
            merged.origins.setdefault(path, layer.origins[path])
            _lay(merged, layer, path, value)
            continue
        _forget(merged, path)
        merged.put(path, deepcopy(value), layer.origins[path])
        for place, origin in layer.origins.items():
            if place[: len(path)] == path:
                merged.origins[place] = origin
        for place, template in layer.templates.items():
            if place[: len(path)] == path:
                merged.templates[place] = template


def _make_room(merged: Layer, database: Mapping[str, Any]) -> None:
    """Drop what lower layers say about a server that this layer replaces.

    Each type has keys that the other one cannot use.
    """
    below = merged.values.get("database")
    if not isinstance(below, dict):
        return
    gone: tuple[str, ...] = ()
    if database.get("type") == "embedded":
        gone = CONNECTION_KEYS
    elif database.get("type") == "postgres":
        gone = EMBEDDED_KEYS
    for name in gone:
        if name in below:
            del below[name]
            _forget(merged, ("database", name))


def _forget(merged: Layer, path: KeyPath) -> None:
    below = [place for place in merged.origins if place[: len(path)] == path]
    for place in below:
        del merged.origins[place]
        merged.templates.pop(place, None)


def _spell_out_url(layer: Layer, base: Path) -> None:
    """Replace `database.url` by the keys that it spells out."""
    database = layer.values.get("database")
    if not isinstance(database, dict) or not isinstance(database.get("url"), str):
        return
    origin = layer.origins[("database", "url")]
    url = database.pop("url")
    try:
        parts = parse_url(url) if url else {}
    except UrlError as error:
        for message, hint in error.problems:
            layer.complain(("database", "url"), message, hint, origin)
        parts = dict(error.parts)
    if "host" in parts and "port" not in parts and database.get("port") is None:
        # Another server is meant: the port of a lower layer's server says nothing about it.
        layer.put(("database", "port"), None, origin)
    for name, value in parts.items():
        path = ("database", name)
        if database.get(name) is not None:
            message = f"database.url says the {name} too"
            layer.complain(path, message, "keep one of them", layer.origins[path])
            continue
        key = find_key(path)
        is_path = key is not None and key.kind == "path"
        layer.put(path, _absolute(value, base) if is_path else value, origin)


def _put_text(layer: Layer, path: KeyPath, text: str, origin: Origin) -> None:
    """Set a key from the text of a flag or variable: as it stands if the key is a text."""
    key = find_key(path)
    if key is not None and key.kind in {"text", "path", "secret"}:
        layer.put(path, _absolute(text, Path()) if key.kind == "path" else text, origin)
        return
    try:
        value = parse_scalar(text)
    except ValueError as error:
        layer.complain(path, str(error), "put the value in quotes", origin)
        return
    layer.put(path, value, origin)


def _free_path(variable: str, names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    for name, path in names.items():
        if all_keys()[path].kind == "free" and variable.startswith(name + "__"):
            return (*path, *variable.removeprefix(name + "__").lower().split("__"))
    return None


def _drop_empty(section: dict[str, Any], path: KeyPath) -> None:
    """Drop keys without a value, such as a section whose every line is a comment."""
    for name, value in list(section.items()):
        key = find_key((*path, name))
        if value is None and path == ("workloads",):
            section[name] = {}  # A workload that goes by the top level in everything.
        elif value is None and key is not None:
            del section[name]
        elif isinstance(value, dict) and key is not None and _has_sections(key):
            _drop_empty(value, (*path, name))


def _has_sections(key: Key) -> bool:
    return key.kind == "section" or key.path == ("workloads",)


def _absolute(text: str, base: Path) -> str:
    """A path that means the same from every folder; `system` names no file."""
    return text if text in {"", "system"} else str(base / Path(text).expanduser())


def _at(values: Any, path: KeyPath) -> Any:
    for part in path:
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        else:
            return None
    return values

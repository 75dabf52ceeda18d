"""`load`: from a file, variables and flags to a `RunConfig`, or to a list of all problems."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError

from stormdb.config.document import read_document
from stormdb.config.explain import explain, origin_of
from stormdb.config.layers import (
    Layer,
    file_layer,
    flag_layer,
    merge,
    set_layer,
    variable_layer,
)
from stormdb.config.models import PhaseSettings, RunSettings
from stormdb.config.problems import ConfigProblemsError, KeyPath, Origin, Problem, key_text, nearest
from stormdb.config.rules import database_type, find_conflicts

__all__ = ["RunConfig", "load"]

_SECRET_NAME = re.compile(r"pass(word|wd|phrase)?$|pwd$|secret|token|credential|(api|private)_?key")


class RunConfig(RunSettings):
    """A configuration that was read, complete and without a problem."""

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)
    _templates: dict[KeyPath, str] = PrivateAttr(default_factory=dict)
    _notices: tuple[str, ...] = PrivateAttr(default=())

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that a user should read before the run, such as a variable without effect."""
        return self._notices

    @property
    def phases(self) -> tuple[PhaseSettings, ...]:
        """The phases of the run: those of `load`, or warm-up, measured phase and cool-down."""
        if self.load.phases:
            return self.load.phases
        parts = (
            ("warm-up", "warm_up", self.warm_up_ns),
            ("steady", "steady", self.duration_ns),
            ("cool-down", "cool_down", self.cool_down_ns),
        )
        return tuple(
            PhaseSettings.model_construct(
                name=name,
                role=role,
                duration_ns=duration_ns,
                rate_micro_per_s=self.load.rate_micro_per_s,
            )
            for name, role, duration_ns in parts
            if duration_ns
        )

    def where(self, key: str) -> str:
        """The place of a key for messages: `stormdb.yaml:12: load.rate`.

        A key that was not given has the place of the section above it.
        """
        at = key
        while at and at not in self._origins:
            at = re.sub(r"(^|\.)[^.\[]*$|\[\d+\]$", "", at)
        return self._origins[at].at(key) if at else key

    def public(self) -> dict[str, Any]:
        """Every key with its value as in a file, JSON-able and without a secret.

        Passwords are left out. In the free mappings a text that came out of a `${VAR}` is shown as
        it was written, and the value of a key that sounds like a secret as `***`.
        """
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        for secret in ("password", "url"):
            values["database"].pop(secret, None)
        for free in ("workload_config", "test_metadata"):
            values[free] = self._scrub(values[free], (free,))
        return values

    def _scrub(self, value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {
                k: "***" if _SECRET_NAME.search(k.lower()) else self._scrub(v, (*path, k))
                for k, v in value.items()
            }
        if isinstance(value, list):
            return [self._scrub(item, (*path, index)) for index, item in enumerate(value)]
        return self._templates.get(path, value) if isinstance(value, str) else value

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hexadecimal digits over `public()` as canonical JSON."""
        text = json.dumps(self.public(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def load(
    file: Path | None,
    *,
    workload: str | None = None,
    overrides: Sequence[str] = (),
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> RunConfig:
    """Read a configuration.

    Args:
        file: YAML or JSON; None for none.
        workload: workload type named on the command line; goes before every layer.
        overrides: the values of `--set`: `key.sub=value`.
        flags: values of the command's flags by key (`database.host`); None for one not given.
        environ: the environment; None for the process's own.

    Raises:
        ConfigProblemsError: all problems that were found.
    """
    environ = os.environ if environ is None else environ
    layers = [
        _file_layer(file, environ) if file is not None else Layer(),
        variable_layer(environ),
        flag_layer(flags or {}),
        set_layer(overrides),
    ]
    merged = merge(layers)
    if workload is not None:
        merged.put(("workload",), workload, Origin("WORKLOAD"))
    problems = [*merged.problems]
    _settle_database(merged)
    try:
        config = RunConfig.model_validate(merged.values)
    except ValidationError as error:
        problems += explain(error, merged)
        config = None
    problems += _conflicts(merged, {problem.key for problem in problems})
    if file is not None and layers[0].problems and not layers[0].values:
        # The file could not be read at all: what it lacks is not known.
        problems = layers[0].problems
    if problems or config is None:
        raise ConfigProblemsError(sorted(problems, key=_order))
    config._origins = {key_text(path): origin for path, origin in merged.origins.items()}
    config._templates = merged.templates
    config._notices = tuple(_notices(config, environ))
    return config


def _file_layer(file: Path, environ: Mapping[str, str]) -> Layer:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(
            file, *_encoding(error), line=error.object.count(b"\n", 0, error.start) + 1
        )
    except FileNotFoundError:
        return _unreadable(file, "there is no such file", _neighbours(file))
    except IsADirectoryError:
        return _unreadable(file, "this is a folder", "name a file, such as stormdb.yaml")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return _unreadable(file, f"the file cannot be read: {reason}", "check its permissions")
    layer = file_layer(read_document(text, str(file), environ), file.parent.absolute())
    if not layer.values and not layer.problems:
        return _unreadable(file, "the file is empty", "write keys, such as `workload: simple`")
    return layer


def _unreadable(file: Path, message: str, hint: str, line: int | None = None) -> Layer:
    problem = Problem(key="", message=message, hint=hint, origin=Origin(str(file), line))
    return Layer(problems=[problem])


def _encoding(error: UnicodeDecodeError) -> tuple[str, str]:
    if error.object[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "the file is UTF-16", "save it as UTF-8"
    return f"the byte 0x{error.object[error.start]:02x} is not UTF-8", "save the file as UTF-8"


def _neighbours(file: Path) -> str:
    try:
        names = sorted(
            p.name for p in file.parent.iterdir() if p.suffix in {".yaml", ".yml", ".json"}
        )
    except OSError:
        return f"there is no folder {file.parent} either"
    near = nearest(file.name, names)
    if near:
        return f"did you mean {file.with_name(near)}?"
    shown = ", ".join(names[:5])
    return f"the folder has {shown}" if shown else "the folder has no YAML file"


def _settle_database(merged: Layer) -> None:
    """An empty section counts as none; a section without type gets the one that fits its keys."""
    database = merged.values.get("database")
    if database is None or database == {}:
        merged.values.pop("database", None)
    elif isinstance(database, dict) and database.get("type") is None:
        database["type"] = database_type(database)


def _conflicts(merged: Layer, known: set[str]) -> list[Problem]:
    found = []
    for path, message, hint in find_conflicts(merged.values):
        if key_text(path) not in known:
            found.append(
                Problem(
                    key=key_text(path), message=message, hint=hint, origin=origin_of(merged, path)
                )
            )
    return found


def _order(problem: Problem) -> tuple[int, str, int]:
    origin = problem.origin
    if origin is None:
        return 2, "", 0
    return (0 if origin.line is not None else 1), origin.source, origin.line or 0


def _notices(config: RunConfig, environ: Mapping[str, str]) -> list[str]:
    if config.database.type == "embedded":
        unused = [name for name in ("PGHOST", "PGSERVICE", "PGDATABASE") if environ.get(name)]
        if unused:
            return [
                f"{unused[0]} is set but an embedded server is used; "
                "hint: `database: {type: postgres}` or --host makes use of it"
            ]
    return []

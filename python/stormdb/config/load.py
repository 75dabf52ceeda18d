"""`load`: from a file, variables and flags to a `RunConfig`, or to a list of all problems."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path

from pydantic import ValidationError

from stormdb.config.document import read_file
from stormdb.config.explain import explain, origin_of
from stormdb.config.layers import Layer, file_layer, flag_layer, merge, set_layer, variable_layer
from stormdb.config.problems import ConfigProblemsError, Origin, Problem, key_text
from stormdb.config.rules import database_type, find_conflicts
from stormdb.config.run_config import Provenance, RunConfig

__all__ = ["load"]


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
    layers = [variable_layer(environ), flag_layer(flags or {}), set_layer(overrides)]
    is_unread = False
    if file is not None:
        document = read_file(file, environ)
        # What a file lacks is not known if it could not be read as YAML.
        is_unread = bool(document.problems) and not document.values
        layers.insert(0, file_layer(document, file.parent.absolute()))
    if flags and flags.get("load.rate"):
        # Who asks for a rate wants an open loop, unless something says how arrivals come.
        layers.insert(0, flag_layer({"load.arrival": "constant"}))
    merged = merge(layers)
    if workload is not None:
        merged.put(("workload",), workload, Origin("WORKLOAD"))
    _settle_database(merged)
    problems = list(merged.problems)
    config = None
    provenance = Provenance(
        origins=merged.origins,
        templates=merged.templates,
        notices=tuple(_notices(merged, environ)),
    )
    try:
        config = RunConfig.model_validate(merged.values, context=provenance)
    except ValidationError as error:
        if not is_unread:
            problems += _new(explain(error, merged, file), problems)
    problems += _new(_conflicts(merged), problems)
    if problems or config is None:
        raise ConfigProblemsError(sorted(problems, key=lambda problem: _order(problem, file)))
    return config


def _settle_database(merged: Layer) -> None:
    """An empty section counts as none; a section without type gets the one that fits its keys."""
    database = merged.values.get("database")
    if database is None or database == {}:
        merged.values.pop("database", None)
    elif isinstance(database, dict) and database.get("type") is None:
        database["type"] = database_type(database)


def _conflicts(merged: Layer) -> list[Problem]:
    return [
        Problem(key=key_text(path), message=message, hint=hint, origin=origin_of(merged, path))
        for path, message, hint in find_conflicts(merged.values)
    ]


def _new(found: list[Problem], known: list[Problem]) -> list[Problem]:
    """Without the keys that have a problem already: one mistake is told once."""
    keys = {problem.key for problem in known if problem.key}
    return [problem for problem in found if problem.key not in keys]


def _order(problem: Problem, file: Path | None) -> tuple[bool, str, float]:
    """The file's own come first, by line; then those of flags and variables."""
    origin = problem.origin or Origin("")
    return origin.source != str(file), origin.source, origin.line or inf


def _notices(merged: Layer, environ: Mapping[str, str]) -> Iterator[str]:
    database = merged.values.get("database")
    if isinstance(database, dict) and database.get("type") == "postgres":
        return
    unused = [name for name in ("PGHOST", "PGDATABASE") if environ.get(name)]
    if unused:
        yield (
            f"{' and '.join(unused)} had no effect: stormdb starts a server of its own; "
            "hint: `--set database.type=postgres` makes it use the PG… variables"
        )

"""`load`: from a file, variables and flags to a `RunConfig`, or to a list of all problems."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from pydantic import ValidationError

from stormdb.config.document import read_file
from stormdb.config.explain import explain
from stormdb.config.layers import Layer, file_layer, flag_layer, merge, set_layer, variable_layer
from stormdb.config.problems import ConfigProblemsError, Origin, Problem, key_text, origin_of
from stormdb.config.rules import database_type, find_conflicts
from stormdb.config.run_config import Provenance, RunConfig
from stormdb.config.several import (
    COURSE_KEYS,
    KEYS_OF_THE_WHOLE,
    Entry,
    derived_seed,
    entries_of,
    selected,
)
from stormdb.config.thresholds import SCALAR_METRICS, TIME_METRICS
from stormdb.units import format_duration

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
    notices = tuple(_notices(merged, environ))
    is_of_several = bool(merged.values.get("workloads"))
    entries = selected(entries_of(merged), merged)
    problems = list(merged.problems)
    top = _of_the_whole(merged, entries) if is_of_several else merged
    config, found = _validated(top, None if is_unread else file, Provenance(notices=notices))
    if not is_unread:
        problems += _new(found, problems)
    if is_of_several:
        problems += _new(_unfit_thresholds(config), problems)
    else:
        problems += _new(_conflicts(merged), problems)
    workloads = _each(entries, merged, seed=config.seed if config else 0, problems=problems)
    if problems or config is None:
        raise ConfigProblemsError(sorted(problems, key=lambda problem: _order(problem, file)))
    config.take_workloads(workloads)
    return config


def _each(
    entries: Sequence[Entry], merged: Layer, *, seed: int, problems: list[Problem]
) -> dict[str, RunConfig]:
    """The configuration of each workload of several; what is wrong joins the problems."""
    workloads: dict[str, RunConfig] = {}
    for entry in entries:
        entry.layer.values["seed"] = derived_seed(seed, entry.name)
        one, found = _validated(entry.layer, None, Provenance(key_of=entry.key))
        found += _new(_conflicts(entry.layer), found)
        if one is not None and entry.ends_with_the_run:
            one, late = _ending_with(merged, one)
            found += late
        problems += _new([replace(one, key=entry.key(one.key)) for one in found], problems)
        if one is not None:
            workloads[entry.name] = one
    return workloads


def _validated(
    layer: Layer, file: Path | None, provenance: Provenance
) -> tuple[RunConfig | None, list[Problem]]:
    """The configuration that a layer makes, or what is wrong with it."""
    provenance = replace(provenance, origins=layer.origins, templates=layer.templates)
    try:
        return RunConfig.model_validate(layer.values, context=provenance), []
    except ValidationError as error:
        return None, explain(error, layer, file)


def _ending_with(merged: Layer, late: RunConfig) -> tuple[RunConfig, list[Problem]]:
    """A workload that starts later, with a measured phase that ends when the run does."""
    course = {key: item for key, item in merged.values.items() if key in COURSE_KEYS}
    run, _ = _validated(Layer({"workload": "-", **course}), None, Provenance())
    total_ns = sum(phase.duration_ns for phase in run.phases) if run else 0
    around_ns = late.warm_up_ns + late.cool_down_ns
    duration_ns = total_ns - late.start_after_ns - around_ns
    if not run or duration_ns > 0:
        return late.model_copy(update={"duration_ns": max(duration_ns, 1)}), []
    problem = Problem(
        key="start_after",
        message=f"the run is over after {format_duration(total_ns)}, and with it the workload "
        "before its measured phase has begun",
        hint="start it earlier, raise duration, or give it a duration of its own",
        origin=late.origin("start_after"),
    )
    return late, [problem]


def _of_the_whole(merged: Layer, entries: Sequence[Entry]) -> Layer:
    """What a run of several says about itself; the rest is what its workloads go by."""
    values = {key: item for key, item in merged.values.items() if key in KEYS_OF_THE_WHOLE}
    values["workload"] = entries[0].name if entries else "?"
    return replace(merged, values=values)


def _unfit_thresholds(config: RunConfig | None) -> list[Problem]:
    """Conditions for the run of several that only one of its workloads can meet."""
    return [
        Problem(
            key=(key := f"thresholds[{index}]"),
            message=f"the workloads together have no {threshold.metric}",
            hint="put it below workloads, at the one that measures it",
            origin=config.origin(key),
        )
        for index, threshold in enumerate(config.thresholds if config else ())
        if config and threshold.metric not in {*SCALAR_METRICS, *TIME_METRICS}
    ]


def _settle_database(merged: Layer) -> None:
    """An empty section counts as none; a section without type gets the one that fits its keys."""
    database = merged.values.get("database")
    if database is None or database == {}:
        merged.values.pop("database", None)
    elif isinstance(database, dict) and database.get("type") is None:
        database["type"] = database_type(database)


def _conflicts(merged: Layer) -> list[Problem]:
    return [
        Problem(
            key=key_text(path), message=message, hint=hint, origin=origin_of(merged.origins, path)
        )
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

"""Rules that connect several keys.

They read the merged values before these are typed, so that they are checked even if another key is
wrong; they say nothing about a value that its own type refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stormdb.config.layers import CONNECTION_KEYS, EMBEDDED_KEYS
from stormdb.config.problems import KeyPath

__all__ = [
    "EXECUTOR_KEYS",
    "MEANING_KEYS",
    "Finding",
    "database_type",
    "find_conflicts",
    "value_of",
]

EXECUTOR_KEYS = {
    "processes": "coroutine",
    "threads": "native",
    "io": "native",
    "protocol": "native",
    "connection_mode": "native",
    "transient_ratio": "native",
    "transaction_timeout": "native",
    "database.pooler": "native",
    "database.max_protocol_version": "native",
}
"""Keys that one executor alone takes, and which."""

MEANING_KEYS = {
    "protocol": "prepared",
    "connection_mode": "persistent",
    "transient_ratio": None,
    "transaction_timeout": "0s",
    "database.pooler": None,
}
"""Those of them with which the load is another one, unless they say this."""

Finding = tuple[KeyPath, str, str]
"""Where, what is wrong, how to mend it."""


def database_type(database: Mapping[str, Any]) -> str:
    """The type of a `database` section that names none."""
    given = any(database.get(key) is not None for key in CONNECTION_KEYS)
    return "postgres" if given else "embedded"


def value_of(values: Mapping[str, Any], key: str) -> Any:
    """Value of a key such as `database.pooler`; None if it has none."""
    section, _, name = key.rpartition(".")
    below = values.get(section) if section else values
    return below.get(name) if isinstance(below, Mapping) else None


def find_conflicts(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Every rule that the values break."""
    database, load = values.get("database"), values.get("load")
    if isinstance(database, dict):
        yield from _database(database)
    yield from _executor(values)
    yield from _connection_mode(values)
    if isinstance(load, dict):
        yield from _load(load)
        if load.get("phases"):
            for key in ("duration", "warm_up", "cool_down"):
                if values.get(key) is not None:
                    yield (
                        (key,),
                        "`load.phases` says how long each part of the run is",
                        f"remove {key}, or `load.phases`",
                    )


def _database(database: Mapping[str, Any]) -> Iterator[Finding]:
    kind = database.get("type") or database_type(database)
    for key in EMBEDDED_KEYS:
        if kind == "postgres" and database.get(key):
            yield (
                ("database", key),
                "only an embedded server takes this key",
                "remove it, or set type: embedded",
            )
    for key in CONNECTION_KEYS:
        if kind == "embedded" and database.get(key) is not None:
            yield (
                ("database", key),
                "an embedded server is reached without this key",
                "remove it, or set type: postgres",
            )
    hosts, ports = _parts(database.get("host")), _parts(database.get("port"))
    if len(ports) > 1 and len(ports) != len(hosts):
        yield (
            ("database", "port"),
            f"{len(ports)} ports for {len(hosts)} host{'' if len(hosts) == 1 else 's'}",
            "give one port for all hosts, or one for each",
        )
    if database.get("sslkey") and not database.get("sslcert"):
        yield (
            ("database", "sslkey"),
            "a key without its certificate",
            "set sslcert too",
        )


def _executor(values: Mapping[str, Any]) -> Iterator[Finding]:
    executor = values.get("executor")
    for key, other in EXECUTOR_KEYS.items():
        if (
            executor in EXECUTOR_KEYS.values()
            and executor != other
            and value_of(values, key) is not None
        ):
            yield (
                tuple(key.split(".")),
                f"only the {other} executor takes this key",
                f"remove it, or set executor: {other}",
            )


def _connection_mode(values: Mapping[str, Any]) -> Iterator[Finding]:
    is_mixed = values.get("connection_mode") == "mixed"
    has_ratio = values.get("transient_ratio") is not None
    if has_ratio and not is_mixed:
        yield (
            ("transient_ratio",),
            "only `connection_mode: mixed` takes this key",
            "set connection_mode: mixed, or remove transient_ratio",
        )
    if is_mixed and not has_ratio:
        yield (
            ("connection_mode",),
            "nothing says which part of the transactions makes its own connection",
            "set transient_ratio, such as 5%",
        )
    connections = values.get("connections", values.get("workers"))
    if is_mixed and connections in (1, "1"):
        yield (
            ("connection_mode",),
            "one connection cannot be of two kinds",
            "set connections: 2 or more",
        )


def _parts(value: Any) -> list[Any]:
    if isinstance(value, str):
        return value.split(",")
    return value if isinstance(value, list) else [] if value is None else [value]


def _load(load: Mapping[str, Any]) -> Iterator[Finding]:
    arrival = load.get("arrival") or "closed"
    phases = load.get("phases") or ()
    if arrival == "closed":
        for key, word in (("rate", "rate"), ("max_queue", "queue"), ("max_lag", "schedule")):
            if load.get(key) is not None:
                yield (
                    ("load", key),
                    f"a closed loop has no {word}: the next call follows the last",
                    f"set arrival: constant or poisson, or remove {key}",
                )
    else:
        for key in ("think_time", "think_time_distribution"):
            if load.get(key) is not None:
                yield (
                    ("load", key),
                    f"{arrival} arrivals come at their time, whatever a worker thinks",
                    f"set arrival: closed, or remove {key}",
                )
    yield from _trace(load, arrival)
    if arrival in ("constant", "poisson"):
        if not phases and load.get("rate") is None:
            yield (
                ("load", "rate"),
                f"{arrival} arrivals need a rate",
                "set rate, such as 500/s, or describe phases",
            )
        if phases and load.get("rate") is not None:
            yield (
                ("load", "rate"),
                "`load.phases` says the rate of each phase",
                "remove rate, or phases",
            )
    if isinstance(phases, list):
        yield from _phases(phases, arrival)


def _trace(load: Mapping[str, Any], arrival: str) -> Iterator[Finding]:
    if arrival == "trace":
        if load.get("file") is None:
            yield (
                ("load", "file"),
                "recorded arrivals need the file that they are in",
                "set file: times.csv",
            )
        if load.get("rate") is not None:
            yield (
                ("load", "rate"),
                "recorded arrivals come at their times, not at a rate",
                "remove rate, or set arrival: constant; speed makes a trace faster or slower",
            )
        return
    for key in ("file", "speed"):
        if load.get(key) is not None:
            yield (
                ("load", key),
                "only recorded arrivals take this key",
                f"set arrival: trace, or remove {key}",
            )


def _phases(phases: list[Any], arrival: str) -> Iterator[Finding]:
    names: dict[Any, int] = {}
    maps = [(index, phase) for index, phase in enumerate(phases) if isinstance(phase, dict)]
    for index, phase in maps:
        path: KeyPath = ("load", "phases", index)
        name = phase.get("name")
        if isinstance(name, str) and name in names:
            yield (*path, "name"), f"another phase is called {name!r}", "give each its own name"
        elif isinstance(name, str):
            names[name] = index
        if arrival in ("closed", "trace"):
            for key in _SHAPES:
                if phase.get(key) is not None:
                    yield (
                        (*path, key),
                        _NO_RATE[arrival],
                        f"set load.arrival: constant or poisson, or remove {key}",
                    )
        else:
            yield from _shape(path, phase)
    roles = [p.get("role") or ("steady" if p.get("from") is None else "ramp") for _, p in maps]
    if roles and "steady" not in roles:
        yield (
            ("load", "phases"),
            "no phase is steady, so nothing would be measured",
            "give the phase to measure `role: steady`",
        )


_SHAPES = ("rate", "from", "to", "steps", "sine", "spike")
_NO_RATE = {
    "closed": "a closed loop has no rate: the next call follows the last",
    "trace": "recorded arrivals have no rate: they come at their times",
}


def _shape(path: KeyPath, phase: Mapping[str, Any]) -> Iterator[Finding]:
    given = {key for key in _SHAPES if phase.get(key) is not None}
    if not given & {"rate", "from", "to"}:
        yield (*path, "rate"), "the phase has no rate", "set rate, or from and to for a ramp"
    for one, other in (("from", "to"), ("to", "from")):
        if one in given and other not in given:
            yield (*path, other), f"a ramp that has `{one}` needs `{other}`", f"set {other}: 1k/s"
    if "rate" in given and given & {"from", "to"}:
        yield (*path, "rate"), "a ramp goes `from` one rate `to` another", "remove rate"
    if "steps" in given and not given & {"from", "to"}:
        yield (*path, "steps"), "steps lead `from` one rate `to` another", "set from and to"
    if {"sine", "spike"} <= given:
        yield (*path, "spike"), "a phase is either a sine or a spike", "make two phases of it"
    for key in ("sine", "spike"):
        if key in given and given & {"from", "to"}:
            yield (*path, key), f"a ramp has no {key}", "give the phase `rate` instead"

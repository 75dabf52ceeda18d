"""What an author says of a plugin that the contract cannot know, and that narrows its tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Self

from stormdb.errors import ConfigError

__all__ = ["Declaration"]

_STRENGTHS = ("scale", "larger_scale", "seed", "run_s", "patience_s", "keys")
"""How the plugin is tried; the other attributes narrow what is asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The attributes of a `PluginContract`.

    Attributes:
        writes: False: no workload of the plugin changes data. It is then a broken promise to.
        grows: False: the data does not grow with the scale.
        allows_empty_reads: parts of statements that may return or change no row.
        allows_errors: SQLSTATEs that belong to the workload, such as `40001`.
        allows_long_calls: a call may take longer than 2 s; it must still end when it is cancelled.
        varies: columns (`table.column`) and parts of statements whose values differ from run to
            run, such as a time of day.
        scale: scale of most tests.
        larger_scale: the scale at which there must be more rows.
        seed: seed of the runs.
        run_s: length of a plain run in seconds.
        patience_s: how long a run may take to go on after an outage, and a rare statement to come.
        memory_s: how long memory is watched, in seconds; less than 20 asks less.
        keys: further keys of the configuration, such as `{"workload_config": {"rows": 10}}`.
    """

    writes: bool = True
    grows: bool = True
    allows_empty_reads: Collection[str] = ()
    allows_errors: Collection[str] = ()
    allows_long_calls: bool = False
    varies: Collection[str] = ()
    scale: int = 1
    larger_scale: int = 2
    seed: int = 1
    run_s: float = 0.5
    patience_s: float = 30.0
    memory_s: float = 20.0
    keys: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, contract: type) -> Self:
        """What the attributes of a class say.

        Raises:
            ConfigError: an attribute is nearly the name of a declaration.
        """
        known = {one.name: one for one in fields(cls)}
        for name in vars(contract):
            near = get_close_matches(name, known, n=1, cutoff=0.8)
            if near and name not in known:
                raise ConfigError(
                    f"{contract.__name__}.{name} is not a declaration",
                    hint=f"did you mean {near[0]}?",
                )
        return cls(**{name: getattr(contract, name) for name in known if hasattr(contract, name)})

    def __post_init__(self) -> None:
        for name in ("allows_empty_reads", "allows_errors", "varies"):
            if isinstance(getattr(self, name), str):
                raise ConfigError(f"{name} is a text", hint=f'write {name} = {{"…"}}')

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """What `name=value` words say; the value is YAML, and a list may be given item by item.

        Raises:
            ConfigError: a name is not known, or its value is of another kind.
        """
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        kinds = {one.name: _kind(one.default, one.name) for one in fields(cls)}
        values: dict[str, Any] = {}
        for text in texts:
            name, equals, written = text.partition("=")
            if name not in kinds or not equals:
                near = get_close_matches(name, kinds, n=1)
                raise ConfigError(
                    f"{text!r} is not a declaration",
                    where="--declare",
                    hint=f"did you mean {near[0]}=…?" if near else f"known are {', '.join(kinds)}",
                )
            try:
                value = YAML(typ="safe").load(written)
            except YAMLError as error:
                raise ConfigError(
                    f"{written!r} cannot be read", where=f"--declare {name}"
                ) from error
            if kinds[name] is tuple:
                value = value if isinstance(value, list) else [written]
                values[name] = (*values.get(name, ()), *map(str, value))
            elif isinstance(value, kinds[name]) and isinstance(value, bool) == (
                kinds[name] is bool
            ):
                values[name] = value
            else:
                raise ConfigError(
                    f"{written!r} is not {_KINDS[kinds[name]]}", where=f"--declare {name}"
                )
        return cls(**values)

    def narrowed(self) -> Iterator[str]:
        """Each declaration that asks less of the plugin, as it is written."""
        for one in fields(self):
            value = getattr(self, one.name)
            asks_less = value < one.default if one.name == "memory_s" else value != one.default
            if one.name not in _STRENGTHS and asks_less:
                shown = sorted(value) if isinstance(value, Collection) else value
                yield f"{one.name} = {shown}"

    def allows_empty(self, statement: str) -> bool:
        """Whether a statement may return or change no row."""
        return any(_plain(part) in _plain(statement) for part in self.allows_empty_reads)

    def may_vary(self, name: str) -> bool:
        """Whether the values of a column or of a statement may differ from run to run."""
        return any(_plain(part) in _plain(name) for part in self.varies)


_KINDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    (int, float): "a number of seconds",
    Mapping: "a mapping",
}


def _kind(default: object, name: str) -> Any:
    """What a value must be, by its default."""
    if name == "keys":
        return Mapping
    return (int, float) if isinstance(default, float) else type(default)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())

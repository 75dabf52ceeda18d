"""Problems of a configuration: where each is, what is wrong, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stormdb.errors import ConfigError

__all__ = [
    "ConfigProblemsError",
    "KeyPath",
    "Origin",
    "Problem",
    "key_text",
    "nearest",
    "origin_of",
]

KeyPath = tuple[str | int, ...]
"""Place of a value in nested mappings and lists: ("load", "phases", 0, "rate")."""


def key_text(path: KeyPath) -> str:
    """A path as messages show it: `load.phases[0].rate`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that the user most likely meant."""
    candidates = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from: a file with its line, a variable, or a flag."""

    source: str
    line: int | None = None

    def at(self, key: str) -> str:
        """The place of a key as messages show it: `stormdb.yaml:7: load.rate`."""
        if self.line is None:
            return f"{self.source}: {key}" if key and not self._names(key) else self.source
        return f"{self.source}:{self.line}: {key}" if key else f"{self.source}:{self.line}"

    def _names(self, key: str) -> bool:
        """Whether the source itself says which key is meant, as `--set load.rate` does."""
        words = self.source.lower().replace("__", ".").replace("-", "_")
        return words.endswith(key.rpartition(".")[2].lower())


def origin_of(origins: Mapping[KeyPath, Origin], path: KeyPath) -> Origin | None:
    """Place of a key, or of the nearest section above it that was given."""
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]]
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend.

    Attributes:
        key: such as `load.rate`; "" if it is none of a key.
        message: what is wrong.
        hint: what is allowed, or how to mend it; may be "".
        origin: file and line, variable or flag; None if nothing was given at all.
    """

    key: str
    message: str
    hint: str = ""
    origin: Origin | None = None

    @property
    def where(self) -> str:
        """Place and key."""
        return self.origin.at(self.key) if self.origin else self.key

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}; hint: {self.hint}" if self.hint else text


class ConfigProblemsError(ConfigError):
    """Every problem that was found, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [str(problem) for problem in problems]
        if len(lines) > 1:
            lines.insert(0, f"{len(lines)} problems in the configuration")
        super().__init__("\n".join(lines))
        self.problems = tuple(problems)

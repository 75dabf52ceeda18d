"""What a plugin says about itself, checked before any of its other code is used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["API_VERSION", "MetadataError", "PluginMetadata"]

API_VERSION = "1.0"
"""Version of this contract. A plugin built for an older minor version keeps working."""

_WORD = re.compile(r"[a-z][a-z0-9_]{0,47}")
_VERSION = re.compile(r"\d+(\.\d+){0,3}([-+.]?[A-Za-z0-9.]+)?")
_NUMBERS = re.compile(r"\d+(\.\d+)*")
_WORD_RULE = (
    "use a lower-case word of letters, digits and _ that starts with a letter, "
    "at most 48 characters"
)


class MetadataError(ValueError):
    """Metadata that break their rules; `problems` has one sentence for each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginMetadata:
    """Name, version and needs of a plugin.

    Attributes:
        name: lower-case word of letters, digits and `_`, at most 48 characters; unique among the
            plugins of a run. The plugin's database schema is named after it.
        version: the plugin's own version, such as `1.0.0`.
        workload_types: the names that a configuration's `workload` key can ask for, at least one.
        description: one line for people.
        author: who to ask.
        required_extensions: PostgreSQL extensions that must be there before `setup`.
        min_postgresql_version: oldest server that will do, such as `13` or `13.4`; "" for any.
        homepage: where to read more.
        api_version: the contract version that the plugin was written for.
        min_stormdb: oldest stormdb that will do; "" for any.
        min_python: oldest Python that will do, such as `3.12`; "" for any.
        dependencies: Python packages that the plugin needs, as requirement strings.

    Raises:
        MetadataError: a field breaks its rule; all problems are named at once.
    """

    name: str
    version: str
    workload_types: Sequence[str]
    description: str = ""
    author: str = ""
    required_extensions: Sequence[str] = ()
    min_postgresql_version: str = ""
    homepage: str = ""
    api_version: str = API_VERSION
    min_stormdb: str = ""
    min_python: str = ""
    dependencies: Sequence[str] = ()

    def __post_init__(self) -> None:
        problems = [*self._text_problems(), *self._list_problems()]
        if problems:
            raise MetadataError(problems)
        for field in ("workload_types", "required_extensions", "dependencies"):
            object.__setattr__(self, field, tuple(getattr(self, field)))

    def _text_problems(self) -> Iterable[str]:
        rules = {
            "name": (_WORD, _WORD_RULE, True),
            "version": (_VERSION, "write it as 1.0.0", True),
            "api_version": (re.compile(r"\d+\.\d+"), f"write it as {API_VERSION}", True),
            "min_postgresql_version": (_NUMBERS, "write it as 13 or 13.4", False),
            "min_stormdb": (_NUMBERS, "write it as 0.1", False),
            "min_python": (_NUMBERS, "write it as 3.12", False),
            "description": (None, "", False),
            "author": (None, "", False),
            "homepage": (None, "", False),
        }
        for field, (pattern, rule, is_required) in rules.items():
            value = getattr(self, field)
            if not isinstance(value, str):
                yield f"{field} is {value!r}, it must be text"
            elif not value and is_required:
                yield f"{field} is empty: {rule}"
            elif value and pattern and not pattern.fullmatch(value):
                yield f"{field} is {value!r}: {rule}"

    def _list_problems(self) -> Iterable[str]:
        for field in ("workload_types", "required_extensions", "dependencies"):
            value = getattr(self, field)
            is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
            if not is_list or not all(isinstance(item, str) for item in value):
                yield f"{field} is {value!r}, it must be a list of texts"
            elif field == "workload_types":
                if not value:
                    yield "workload_types is empty, so nothing can ask for the plugin"
                for name in value:
                    if not _WORD.fullmatch(name):
                        yield f"workload_types holds {name!r}: {_WORD_RULE}"
                if len(set(value)) != len(value):
                    yield "workload_types lists a name twice"

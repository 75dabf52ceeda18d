"""What a plugin says about itself, checked before any of its other code is used."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["API_VERSION", "PluginMetadata"]

API_VERSION = "1.0"
"""Version of this contract. A plugin built for an older minor version keeps working."""

_WORD = r"^[a-z][a-z0-9_]{0,47}$"
_VERSION = r"^\d+(\.\d+){0,3}([-+.]?[A-Za-z0-9.]+)?$"


class PluginMetadata(BaseModel):
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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=_WORD)]
    version: Annotated[str, Field(pattern=_VERSION)]
    workload_types: Annotated[tuple[str, ...], Field(min_length=1)]
    description: str = ""
    author: str = ""
    required_extensions: tuple[str, ...] = ()
    min_postgresql_version: Annotated[str, Field(pattern=r"^(\d+(\.\d+)*)?$")] = ""
    homepage: str = ""
    api_version: Annotated[str, Field(pattern=r"^\d+\.\d+$")] = API_VERSION
    min_stormdb: Annotated[str, Field(pattern=r"^(\d+(\.\d+)*)?$")] = ""
    min_python: Annotated[str, Field(pattern=r"^(\d+(\.\d+)*)?$")] = ""
    dependencies: tuple[str, ...] = ()

    @field_validator("workload_types")
    @classmethod
    def _types_are_distinct_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.match(_WORD, name):
                raise ValueError(
                    f"{name!r} is not a workload type: use a lower-case word of letters, digits "
                    "and _ that starts with a letter, at most 48 characters"
                )
        if len(set(value)) != len(value):
            raise ValueError("a workload type is listed twice")
        return value

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from stormdb.config import PluginLimits, PluginsSettings
from stormdb.plugins import DefaultSettings
from stormdb.plugins.settings import DefaultLimits, Limits


def test_the_defaults_are_those_of_the_configuration() -> None:
    ours, theirs = DefaultSettings(), PluginsSettings()
    for name in ("paths", "files", "auto_load", "model_fields_set"):
        assert type(getattr(theirs, name))(getattr(ours, name)) == getattr(theirs, name)
    assert ours.wheels is theirs.wheels is None


def test_every_limit_is_that_of_the_configuration() -> None:
    names = {field.name for field in fields(DefaultLimits)}
    assert names == set(PluginLimits.model_fields)
    assert names == {name for name, value in vars(Limits).items() if isinstance(value, property)}

    def limits(of: Limits) -> dict[str, object]:
        return {name: plain(getattr(of, name)) for name in names}

    assert limits(DefaultLimits()) == limits(PluginsSettings().limits)


def plain(value: object) -> object:
    """A list and a tuple of the same are the same default."""
    return [*value] if isinstance(value, Sequence) and not isinstance(value, str) else value

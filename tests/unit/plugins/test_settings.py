from __future__ import annotations

from stormdb.config import PluginsSettings
from stormdb.plugins import DefaultSettings


def test_the_defaults_are_those_of_the_configuration() -> None:
    ours, theirs = DefaultSettings(), PluginsSettings()
    for name in ("paths", "files", "auto_load", "model_fields_set"):
        assert type(getattr(theirs, name))(getattr(ours, name)) == getattr(theirs, name)
    assert ours.wheels is theirs.wheels is None
    for name in ("load_timeout_ns", "setup_timeout_ns", "verify_timeout_ns", "memory_bytes"):
        assert getattr(ours.limits, name) == getattr(theirs.limits, name)

"""The plugin with described transactions, and a cache of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.plugins import PluginRecord, discover

BANK = Path(__file__).parents[2] / "fixtures" / "plugins" / "bank.py"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads what another one, or the user, left in the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def bank() -> PluginRecord:
    """The plugin."""
    (record,) = discover.at_path(BANK)
    return record

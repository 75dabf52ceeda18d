"""Hosts and catalogs with short limits, and a cache of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.config import ConnectTarget
from tests.conftest import database_of

if TYPE_CHECKING:
    from stormdb.server import EmbeddedServer

FIXTURES = Path(__file__).parents[2] / "fixtures" / "plugins"
SECOND_NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortLimits:
    """As `stormdb.config.PluginLimits`."""

    load_timeout_ns: int = 30 * SECOND_NS
    setup_timeout_ns: int = 30 * SECOND_NS
    verify_timeout_ns: int = 30 * SECOND_NS
    memory_bytes: int = 2 << 30


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No test reads what another one, or the user, left in the cache."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def target(server: EmbeddedServer) -> ConnectTarget:
    """A database that no test of this folder writes to."""
    database = database_of(server)
    return ConnectTarget(
        hosts=(database.host,),
        ports=(database.port,),
        user=database.user,
        dbname=database.dbname,
        password=database.password,
    )

from __future__ import annotations

import pytest

from stormdb.errors import ConfigError
from stormdb.server import EmbeddedServer


def test_windows_is_told_to_name_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("os.name", "nt")
        with pytest.raises(ConfigError, match="on Windows; hint: name a server in a `database`"):
            EmbeddedServer()


def test_arguments_are_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a role"):
        EmbeddedServer(superuser="")
    with pytest.raises(ConfigError, match="listen_addresses cannot be given"):
        EmbeddedServer(settings={"listen_addresses": "*"})


def test_stopping_what_was_not_started_does_nothing() -> None:
    EmbeddedServer().stop()

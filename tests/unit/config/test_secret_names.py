"""Names that sound like a secret."""

from __future__ import annotations

import pytest

from stormdb.config.secret_names import sounds_secret


@pytest.mark.parametrize(
    "name",
    [
        *("password", "DB_PASSWORD", "passphrase", "client_secret", "api_key", "apikey"),
        *("auth_token", "token", "pwd", "credentials", "private_key"),
    ],
)
def test_it_sounds_secret(name: str) -> None:
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["keys", "tokens_per_row", "bypass_cache", "compass", "", 0, 5])
def test_it_does_not(name: str | int) -> None:
    assert not sounds_secret(name)

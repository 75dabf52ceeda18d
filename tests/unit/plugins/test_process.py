from __future__ import annotations

import pytest

from stormdb.plugins.process import child_environment


@pytest.mark.parametrize(
    "name",
    [
        "PGPASSWORD",
        "PGHOST",
        "PGSERVICE",
        "STORMDB_DATABASE__PASSWORD",
        "STORMDB_DATABASE__URL",
        "DB_PASSWORD",
        "db_passwd",
    ],
)
def test_connection_data_and_passwords_are_not_handed_on(name: str) -> None:
    environ = {name: "x", "PATH": "/bin", "PYTHONPATH": "p", "NEWS": "x"}
    assert child_environment(environ, [name]) == {
        "PATH": "/bin",
        "PYTHONPATH": "p",
    }

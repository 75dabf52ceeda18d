from __future__ import annotations

import pytest

from stormdb.errors import ConfigError
from stormdb.server.cluster import Login, check_name


@pytest.mark.parametrize("name", ["a", "A b", "ä", "x" * 63, "ü" * 31, '"', "--"])
def test_a_name_that_postgresql_can_have_is_taken(name: str) -> None:
    check_name(name, "database")


@pytest.mark.parametrize("name", ["", "x" * 64, "ü" * 32, "a\nb", "\0", "a\tb"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a database"):
        check_name(name, "database")


def test_a_login_does_not_show_its_password() -> None:
    assert "hunter2" not in f"{Login(user='u', password='hunter2')!r}"

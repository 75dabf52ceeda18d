from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stormdb.config import ConnectTarget
from stormdb.plugins.access import Access, AccessError, declared_access


def table(**access: Any) -> dict[str, Any]:
    return {"tool": {"stormdb": {"access": access}}}


def test_relative_paths_are_below_the_plugins_folder() -> None:
    found = declared_access(
        table(read=["names.csv", "/srv/names"], connect=[6379]), Path("/plugins")
    )
    assert found == Access(read=("/plugins/names.csv", "/srv/names"), connect=(6379,))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"reed": ["x"]}, "access.reed is no key, there are environment, read, write, connect"),
        ({"read": "x"}, "access.read is 'x', it must be a list of texts"),
        ({"connect": ["x"]}, r"access.connect is \['x'\], it must be a list of whole numbers"),
        ({"connect": [True]}, r"access.connect is \[True\], it must be a list of whole numbers"),
    ],
)
def test_what_cannot_be_understood_is_named(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(AccessError, match=message):
        declared_access(table(**asked), Path("/"))


def test_a_server_is_reached_by_its_ports_and_the_files_of_its_certificates() -> None:
    target = ConnectTarget(
        hosts=("db.example", "/run/postgresql"),
        ports=(5433, 5432),
        user="app",
        dbname="shop",
        sslrootcert="/certificates/root.crt",
    )
    assert Access.to_server(target) == Access(read=("/certificates/root.crt",), connect=(5433,))


def test_what_is_asked_for_twice_is_given_once() -> None:
    assert (Access(connect=(1,)) | Access(connect=(2, 1))).connect == (1, 2)

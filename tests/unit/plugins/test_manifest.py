from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from stormdb.plugin import PluginMetadata
from stormdb.plugins import Kind, PluginRecord, manifest, server_problems

METADATA = PluginMetadata(name="shop", version="1.0", workload_types=["shop"])
RECORD = PluginRecord(name="shop", kind=Kind.FILE, source="shop.py", metadata=METADATA)


def problem(**fields: object) -> str | None:
    found = manifest.metadata_problem(replace(RECORD, metadata=replace(METADATA, **fields)))
    return str(found) if found else None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"api_version": "1.0"},
        {"min_stormdb": "0.0.1"},
        {"min_python": "3.11"},
        {"min_python": ".".join(map(str, sys.version_info[:3]))},
        {"dependencies": ["msgpack", "asyncpg>=0.29"]},
        {"dependencies": ["nosuchpackage; sys_platform == 'plan9'"]},
    ],
)
def test_needs_that_are_met(fields: dict[str, object]) -> None:
    assert problem(**fields) is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"api_version": "1.1"}, "written for version 1.1 of the plugin contract"),
        ({"api_version": "2.0"}, "written for version 2.0 of the plugin contract"),
        ({"api_version": "0.9"}, "get a newer version of the plugin"),
        ({"min_stormdb": "99"}, "needs stormdb 99 or newer"),
        ({"min_python": "3.99"}, "needs Python 3.99 or newer"),
        ({"dependencies": ["nosuchpackage>=1"]}, 'hint: declare "nosuchpackage>=1" in'),
        ({"dependencies": ["msgpack<0.1"]}, "needs msgpack<0.1, installed is"),
        ({"dependencies": ["a b"]}, "lists 'a b', which names no Python package"),
    ],
)
def test_needs_that_are_not_met(fields: dict[str, object], message: str) -> None:
    assert message in (problem(**fields) or "")


def test_all_needs_are_told_at_once() -> None:
    text = problem(min_stormdb="99", min_python="3.99", dependencies=["nosuchpackage"])
    assert text is not None
    assert text.count("needs ") == 3


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (">=3.11", None),
        ("", None),
        (">=3.13", None),
        ("==3.12.*", None),
        ("<3.11", "stormdb runs plugins with Python 3.11 or newer"),
        (">=3.11,<3.12.99,!=3.*", "stormdb runs plugins with Python 3.11 or newer"),
        ("python3", "which says nothing"),
    ],
)
def test_the_declared_python(declared: str, message: str | None) -> None:
    found = manifest.declared_problem(replace(RECORD, requires_python=declared))
    assert (found is None) == (message is None)
    assert message is None or message in str(found)


@pytest.mark.parametrize(
    ("wanted", "version_num", "is_met"),
    [
        ("", 90600, True),
        ("13", 130000, True),
        ("13", 129999, False),
        ("13.4", 130004, True),
        ("13.4", 130003, False),
        ("13.0.0", 130000, True),
        ("18", 180006, True),
        ("19", 180006, False),
    ],
)
def test_the_version_of_the_server(wanted: str, version_num: int, is_met: bool) -> None:
    metadata = replace(METADATA, min_postgresql_version=wanted)
    found = server_problems(metadata, version_num, [])
    assert (not found) == is_met
    assert is_met or found[0].startswith(f"needs PostgreSQL {wanted} or newer, the server is 1")


def test_extensions_of_the_server() -> None:
    metadata = replace(METADATA, required_extensions=["vector", "pg_trgm"])
    assert server_problems(metadata, 180006, {"vector", "pg_trgm", "hstore"}) == []
    assert server_problems(metadata, 180006, {"pg_trgm"}) == [
        "needs the PostgreSQL extension vector, which is not available on the server"
    ]

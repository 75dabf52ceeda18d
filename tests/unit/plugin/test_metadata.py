from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.plugin import API_VERSION, MetadataError, PluginMetadata

GOOD: dict[str, Any] = {"name": "shop", "version": "1.0.0", "workload_types": ["shop", "shop_read"]}


def test_the_smallest_metadata() -> None:
    metadata = PluginMetadata(**GOOD)
    assert metadata.workload_types == ("shop", "shop_read")
    assert metadata.required_extensions == ()
    assert metadata.api_version == API_VERSION
    with pytest.raises(FrozenInstanceError):
        metadata.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "a" * 48),
        ("version", "2024.1"),
        ("version", "1.0.0rc1"),
        ("version", "1.0.0+local.1"),
        ("min_postgresql_version", "13"),
        ("min_postgresql_version", "13.4"),
        ("min_python", "3.12"),
        ("min_stormdb", "0.1.0"),
        ("required_extensions", ["vector"]),
        ("dependencies", ("numpy>=2",)),
        ("description", "any text: é"),
    ],
)
def test_what_is_accepted(field: str, value: object) -> None:
    PluginMetadata(**{**GOOD, field: value})


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "name is empty"),
        ("name", "Shop", "name is 'Shop'"),
        ("name", "1shop", "name is '1shop'"),
        ("name", "a" * 49, "at most 48 characters"),
        ("name", "shop\n", "name is"),
        ("version", "v1", "version is 'v1': write it as 1.0.0"),
        ("version", 1.0, "version is 1.0, it must be text"),
        ("api_version", "1", "api_version is '1'"),
        ("min_postgresql_version", "PostgreSQL 13", "write it as 13 or 13.4"),
        ("min_python", ">=3.12", "write it as 3.12"),
        ("workload_types", [], "workload_types is empty"),
        ("workload_types", "shop", "it must be a list of texts"),
        ("workload_types", ["shop", "shop"], "lists a name twice"),
        ("workload_types", ["a b"], "workload_types holds 'a b'"),
        ("dependencies", [1], "it must be a list of texts"),
        ("required_extensions", None, "it must be a list of texts"),
        ("author", None, "author is None, it must be text"),
    ],
)
def test_what_is_not_accepted(field: str, value: object, problem: str) -> None:
    with pytest.raises(MetadataError) as caught:
        PluginMetadata(**{**GOOD, field: value})
    (found,) = caught.value.problems
    assert problem in found
    assert found.startswith(field)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(MetadataError) as caught:
        PluginMetadata(name="", version="", workload_types=[])
    assert len(caught.value.problems) == 3
    assert str(caught.value) == "; ".join(caught.value.problems)


@given(name=st.from_regex(r"[a-z][a-z0-9_]{0,47}", fullmatch=True))
def test_every_word_is_a_name(name: str) -> None:
    PluginMetadata(name=name, version="1", workload_types=[name])

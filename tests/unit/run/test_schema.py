"""Names and markers; what happens on a server is in tests/it/run/test_schema.py."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormdb.run.schema import Marker, schema_name

MARKER = Marker(
    plugin="bank",
    plugin_version="1.0.0",
    workload="bank_read",
    scale=3,
    stormdb="0.1.0",
    created="2025-01-01T00:00:00+00:00",
)


def test_a_schema_is_named_after_its_plugin() -> None:
    assert schema_name("bank") == "stormdb_bank"


@given(
    st.builds(
        Marker,
        plugin=st.text(),
        plugin_version=st.text(),
        workload=st.text(),
        scale=st.integers(1),
        setup=st.sampled_from(["incomplete", "complete"]),
        stormdb=st.text(),
        created=st.text(),
    )
)
def test_a_marker_survives_its_comment(marker: Marker) -> None:
    assert Marker.from_comment(marker.to_comment()) == marker


def test_a_marker_is_complete_only_when_it_says_so() -> None:
    assert not MARKER.is_complete
    assert MARKER.completed().is_complete
    assert MARKER.completed().scale == 3


@pytest.mark.parametrize(
    "comment",
    [None, "", "a note", "3", "[]", "{}", '{"made_by": "somebody"}', '{"made_by": "stormdb"}'],
)
def test_other_comments_are_no_markers(comment: str | None) -> None:
    assert Marker.from_comment(comment) is None


def test_a_newer_marker_with_more_fields_is_understood() -> None:
    comment = json.loads(MARKER.to_comment()) | {"format": 2, "rows": 10}
    assert Marker.from_comment(json.dumps(comment)) == MARKER

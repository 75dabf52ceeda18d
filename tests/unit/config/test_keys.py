from __future__ import annotations

import pytest

from stormdb.config.keys import all_keys, find_key, known_keys
from stormdb.config.problems import KeyPath

GUIDE = {
    "database": "type host port dbname username password sslmode",
    "plugins": "paths files auto_load",
    "load": "arrival rate think_time phases max_queue",
    "retry": "max_tries backoff",
    "": "workload mode scale duration workers connections summary_interval warm_up seed isolation "
    "statement_timeout thresholds workload_config test_metadata",
}


def test_every_key_of_the_guide_is_there() -> None:
    for section, names in GUIDE.items():
        assert set(names.split()) <= set(known_keys((section,) if section else ()))


def test_every_key_says_what_it_is() -> None:
    for key in all_keys().values():
        if key.field is not None:
            assert key.field.description, key.name
            assert key.field.description.endswith(".") or "…" in key.field.description, key.name


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (("workload",), "text"),
        (("workers",), "value"),
        (("database",), "section"),
        (("database", "password"), "secret"),
        (("database", "url"), "secret"),
        (("database", "host", 1), "text"),
        (("database", "settings", "work_mem"), "text"),
        (("database", "sslrootcert"), "path"),
        (("plugins", "files", 0), "path"),
        (("load", "phases", 2), "section"),
        (("load", "phases", 2, "name"), "text"),
        (("load", "phases", 2, "spike", "at"), "value"),
        (("workload_config", "any", 3, "thing"), "free"),
    ],
)
def test_a_path_finds_its_key(path: KeyPath, kind: str) -> None:
    key = find_key(path)
    assert key is not None
    assert key.kind == kind


@pytest.mark.parametrize("path", [("nope",), ("database", "nope"), ("workers", "x"), ("load", 0)])
def test_what_is_no_key_finds_none(path: KeyPath) -> None:
    assert find_key(path) is None


def test_a_section_knows_its_keys() -> None:
    assert known_keys(("retry",)) == ["max_tries", "backoff"]
    assert known_keys(("load", "phases", 7, "sine")) == ["amplitude", "period"]
    assert "workload" in known_keys(())
    assert known_keys(("workload_config",)) == []

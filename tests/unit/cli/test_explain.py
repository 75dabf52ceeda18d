"""`stormdb explain` before it asks a plugin anything; tests/it/program has the rest."""

from __future__ import annotations

import pytest

from stormdb.cli.app import root
from stormdb.cli.explain import _plain
from stormdb.cli.outcome import exit_code_of


def test_help_names_what_can_be_explained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert exit_code_of(root, ["explain", "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Usage: stormdb explain [OPTIONS] [FILE|NAME]")
    assert "Workload type, or its plugin, or a configuration file." in text
    assert "--json" in text


def test_bytes_are_shown_as_postgresql_prints_them() -> None:
    assert _plain({"a": [b"\x00\xff", 1, "b", None]}) == {"a": ["\\x00ff", 1, "b", None]}

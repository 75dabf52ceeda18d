"""What an argument of a command names."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.cli.catalog import path_of
from stormdb.errors import ConfigError


def test_a_bare_word_is_a_name_even_if_a_folder_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank.py").touch()
    assert [path_of(name) for name in ("bank", "", None)] == [None] * 3
    assert path_of("./bank") == tmp_path / "bank"
    assert path_of("bank.py") == tmp_path / "bank.py"


@pytest.mark.parametrize("name", ["nowhere.py", "./nowhere", "nowhere.yaml"])
def test_what_can_only_be_a_path_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"there is no file or folder {name}"):
        path_of(name)

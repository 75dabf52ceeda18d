from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.plugins import EntryPoint, Kind, PluginRecord


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_path_is_shown_from_here_or_whole(here: Path) -> None:
    record = PluginRecord(name="shop", kind=Kind.FILE, source=f"{here}/plugins/shop.py")
    assert record.where == "plugins/shop.py"
    assert record.show("/elsewhere/shop.py") == "/elsewhere/shop.py"
    assert record.place(None) == "plugins/shop.py"


@pytest.mark.parametrize(
    ("function", "shown"),
    [("Shop.setup", "shop.py:7 (Shop.setup)"), ("<module>", "shop.py:7"), ("", "shop.py:7")],
)
def test_a_place_has_its_function_where_there_is_one(function: str, shown: str, here: Path) -> None:
    record = PluginRecord(name="shop", kind=Kind.FILE, source=f"{here}/shop.py")
    place = {"file": f"{here}/shop.py", "line": 7, "function": function, "text": ""}
    assert record.place(place) == shown


def test_a_distribution_is_no_path() -> None:
    record = PluginRecord(name="shop", kind=Kind.DISTRIBUTION, source="shop-plugin 1.0")
    assert record.where == "shop-plugin 1.0"


def test_an_entry_travels() -> None:
    entry = EntryPoint(module="a.b", attribute="X", search_path="/s", roots=("/s/a",))
    assert EntryPoint.from_wire({**entry.to_wire(), "roots": ["/s/a"]}) == entry

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from stormdb.errors import ProgramError
from stormdb.workload import places

SOURCE = """\
from stormdb.workload import places

def where():
    return places.here()

class Thing:
    pass
"""


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("file", "module", "place"),
    [
        ("a/bank.py", "bank", "bank.py"),
        ("b/shop/__init__.py", "shop", "shop/__init__.py"),
        ("c/shop/sql/read.py", "shop.sql.read", "shop/sql/read.py"),
    ],
)
def test_a_place_is_the_same_wherever_the_plugin_lies(
    tmp_path: Path, file: str, module: str, place: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(SOURCE)
    loaded = load(path, module)
    assert loaded.where() == f"{place}:4"
    assert places.of_function(loaded.where) == f"{place}:3"
    assert places.of_class(loaded.Thing) == f"{place}:6"


def test_a_class_without_source_has_its_name() -> None:
    assert places.of_class(type("Made", (), {"__module__": "nowhere"})) == "Made"


def test_a_problem_stands_where_it_was_written_or_where_one_says() -> None:
    assert isinstance(places.problem("a"), ProgramError)
    assert "test_places.py:" in str(places.problem("a").where)
    assert str(places.problem("a", where="f.py:3", hint="b")) == "f.py:3: a; hint: b"

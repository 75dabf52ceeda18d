from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stormdb.errors import ConfigError
from stormdb.testing import PluginContract
from stormdb.testing.contract import PROMISES, promises_named
from stormdb.testing.declaration import Declaration

PAGE = Path(__file__).parents[3] / "docs" / "testing-a-plugin.md"


def test_each_promise_is_a_test_and_a_row_of_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for promise in PROMISES:
        assert hasattr(PluginContract, f"test_{promise.name}")
        assert f"`{promise.name}`" in text
        assert promise.text


def test_the_contract_knows_every_declaration() -> None:
    assert PluginContract.__annotations__.keys() - {"plugin"} == set(Declaration.__slots__)


def test_promises_are_found_by_a_word() -> None:
    assert [one.name for one in promises_named(["metadata"])] == ["metadata_is_valid"]
    assert promises_named([]) == list(PROMISES)
    with pytest.raises(ConfigError, match="no promise has 'nonsense' in its name"):
        promises_named(["nonsense"])


def test_pytest_does_not_pay_for_what_it_does_not_use() -> None:
    code = "import sys, stormdb.testing.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name for name in done.stdout.split() if name.startswith(("stormdb", "pydantic"))}
    assert loaded == {"stormdb", "stormdb.testing", "stormdb.testing.pytest_plugin"}

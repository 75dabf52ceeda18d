from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from stormdb.plugins import environments
from stormdb.plugins.environments import Environment


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "stormdb"


@pytest.mark.parametrize(
    ("requirements", "requires_python"),
    [
        ([], ""),
        (["stormdb>=0.1", "asyncpg", "pydantic>=2"], ">=3.11"),
        (["nosuchpackage; sys_platform == 'plan9'", "nosuchpackage; extra == 'docs'"], ""),
    ],
)
def test_what_stormdb_offers_needs_no_environment(
    requirements: list[str], requires_python: str
) -> None:
    assert environments.needed(requirements, requires_python) is None


@pytest.mark.parametrize(
    "requirements", [["numpy"], ["asyncpg<0.1"], ["asyncpg[gssauth]"], ["pydantic @ file:///x.whl"]]
)
def test_everything_else_needs_one(requirements: list[str]) -> None:
    environment = environments.needed([*requirements, "stormdb"], ">=3.11")
    assert environment == Environment(requirements=tuple(requirements))


def test_another_python_needs_one() -> None:
    environment = environments.needed([], "==3.99.*")
    assert environment == Environment(requirements=(), requires_python="==3.99.*")


def test_the_same_needs_have_the_same_folder_whatever_their_order() -> None:
    one, two = environments.needed(["b", "a"], ""), environments.needed(["a", "b"], "")
    other = environments.needed(["a", "b", "c"], "")
    assert one
    assert two
    assert other
    assert one.folder == two.folder != other.folder
    assert len({one.folder, Environment(requirements=("a", "b"), wheels="/wheels").folder}) == 2


def test_what_was_used_lately_is_kept(cache: Path) -> None:
    old, used = cache / "environments" / "old", cache / "environments" / "used"
    before_s = time.time() - 7200
    for folder in (old, used):
        folder.mkdir(parents=True)
        (folder / "used").write_text("12")
        os.utime(folder / "used", (before_s, before_s))
    (used / "used").touch()
    assert list(environments.collect(3600)) == [(old, 2)]
    assert not old.exists()
    assert used.exists()

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from stormdb.plugins import runtime


def test_the_links_are_stormdb_its_packages_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = {path.name for path in runtime.link(with_packages=True).iterdir()}
    assert {"stormdb", "asyncpg", "msgpack", "pydantic", "pydantic_core"} <= names
    assert not names & {"pytest", "scipy", "numpy", "typer", "rich", "uv"}
    alone = {path.name for path in runtime.link(with_packages=False).iterdir()}
    assert {name for name in alone if not name.endswith(".dist-info")} == {"stormdb"}


@pytest.mark.parametrize(
    ("text", "is_offered"),
    [("asyncpg", True), ("typing_extensions", True), ("asyncpg>=99", False), ("numpy", False)],
)
def test_what_is_offered(text: str, is_offered: bool) -> None:
    assert runtime.is_offered(Requirement(text)) is is_offered


def test_constraints_hold_stormdbs_own_requirements_and_no_pins() -> None:
    constraints = runtime.constraints()
    assert any(one.startswith("asyncpg>=") for one in constraints)
    assert not any("==" in one for one in constraints)

from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.plugins import Kind, PluginRecord
from stormdb.plugins.environments import Environment
from stormdb.run.session import _packages


def record(environment: Environment | None) -> PluginRecord:
    return PluginRecord(
        name="shop", kind=Kind.FILE, source="/plugins/shop.py", environment=environment
    )


def test_a_report_has_the_packages_of_the_plugins_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    environment = Environment(requirements=("numpy",))
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    (environment.folder / "environment.json").write_text('{"packages": {"numpy": "2.4.6"}}')
    assert _packages(record(environment)) == ("numpy==2.4.6",)
    assert _packages(record(None)) == ()


def test_a_report_of_a_locked_run_has_what_the_lock_holds() -> None:
    pins = ("numpy==2.4.6 --hash=sha256:00",)
    assert _packages(record(Environment(requirements=("numpy",), pins=pins))) == pins

"""Plugins that need packages: each in an environment of its own, from a folder of wheels."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stormdb.errors import PluginError
from stormdb.plugins import Catalog, Host, environments
from tests.it.plugins.conftest import ShortLimits
from tests.support.wheels import make_wheel

BLOCK = """# /// script
# requires-python = ">=3.11"
# dependencies = [{dependencies}]
# ///
"""
SOURCE = """
import sys

from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin

{imports}


class Nothing(Workload):
    async def setup(self, ctx, db, cfg): ...
    async def run(self, ctx, db, cfg, metrics): ...


class Plugin(WorkloadPlugin):
    def get_metadata(self):
        return PluginMetadata(
            name="{name}", version="1.0.0", workload_types=["{name}"], description={said}
        )

    def create_workload(self, workload_type):
        return Nothing()


PLUGIN = Plugin()
"""


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Two versions of one tiny package."""
    folder = tmp_path / "wheels"
    for version in ("1.0", "2.0"):
        make_wheel(folder, "tinylib", version, {"tinylib.py": f"VERSION = {version!r}\n"})
    return folder


def make_plugin(
    folder: Path, name: str, dependencies: str, *, imports: str = "", said: str = "''"
) -> Path:
    file = folder / f"{name}.py"
    source = SOURCE.replace("{imports}", imports).replace("{said}", said).replace("{name}", name)
    file.write_text(BLOCK.replace("{dependencies}", dependencies) + source)
    return file


def catalog_of(*paths: Path, wheels: Path) -> Catalog:
    return Catalog.at_paths(paths, ShortLimits(), wheels=str(wheels))


async def test_two_plugins_that_need_two_versions_of_one_package_run_side_by_side(
    tmp_path: Path, wheels: Path
) -> None:
    paths = [
        make_plugin(tmp_path, name, f'"tinylib=={version}"', imports="import tinylib", said=said)
        for name, version, said in (
            ("one", "1.0", "tinylib.VERSION"),
            ("two", "2.0", "tinylib.VERSION"),
        )
    ]
    catalog = catalog_of(*paths, wheels=wheels)
    await catalog.load()
    async with (
        await Host.start(catalog.find("one"), ShortLimits()) as one,
        await Host.start(catalog.find("two"), ShortLimits()) as two,
    ):
        await one.create_workload("one")
        await two.create_workload("two")
        said = [host.record.metadata and host.record.metadata.description for host in (one, two)]
    assert said == ["1.0", "2.0"]
    facts = [record.environment and record.environment.facts() for record in catalog.plugins]
    assert [one and one["packages"] for one in facts] == [{"tinylib": "1.0"}, {"tinylib": "2.0"}]


async def test_the_environment_has_what_stormdb_offers_and_no_other_package(
    tmp_path: Path, wheels: Path
) -> None:
    path = make_plugin(
        tmp_path,
        "lonely",
        '"tinylib"',
        imports="import asyncpg, msgpack, pydantic, importlib.util",
        said="str(importlib.util.find_spec('pytest'))",
    )
    catalog = catalog_of(path, wheels=wheels)
    await catalog.load()
    metadata = catalog.find("lonely").metadata
    assert metadata
    assert metadata.description == "None"


async def test_what_stormdb_offers_needs_no_environment(tmp_path: Path, wheels: Path) -> None:
    path = make_plugin(tmp_path, "plain", '"asyncpg>=0.29", "pydantic", "stormdb"')
    catalog = catalog_of(path, wheels=wheels)
    assert catalog.plugins[0].environment is None
    await catalog.load()
    assert catalog.find("plain")


async def test_a_package_that_is_not_in_the_folder_is_named(tmp_path: Path, wheels: Path) -> None:
    catalog = catalog_of(make_plugin(tmp_path, "lacking", '"tinylib>=3"'), wheels=wheels)
    await catalog.load()
    problem = str(catalog.plugins[0].problem)
    assert problem.startswith(f"{tmp_path}/lacking.py: plugin lacking: its packages cannot be had:")
    assert "tinylib>=3" in problem
    assert f"hint: packages come from {wheels} alone (plugins.wheels)" in problem


async def test_without_a_network_the_message_says_what_helps(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    catalog = Catalog.at_paths([make_plugin(tmp_path, "lacking", '"tinylib>=3"')], ShortLimits())
    with pytest.raises(PluginError, match=r"hint: reach a package index, or name a folder"):
        await Host.start(catalog.plugins[0], ShortLimits())


async def test_a_package_may_not_break_what_stormdb_needs(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "msgpack", "0.1", {"msgpack.py": ""})
    catalog = catalog_of(make_plugin(tmp_path, "older", '"msgpack==0.1"'), wheels=wheels)
    await catalog.load()
    problem = str(catalog.plugins[0].problem)
    assert "msgpack>=1" in problem
    assert "msgpack==0.1" in problem


async def test_an_environment_is_made_once_and_collected_when_it_is_not_used(
    tmp_path: Path, wheels: Path
) -> None:
    catalog = catalog_of(make_plugin(tmp_path, "once", '"tinylib"'), wheels=wheels)
    await catalog.load()
    environment = catalog.plugins[0].environment
    assert environment
    made = (environment.folder / "environment.json").stat().st_mtime_ns
    async with await Host.start(catalog.find("once"), ShortLimits()):
        pass
    assert (environment.folder / "environment.json").stat().st_mtime_ns == made
    assert list(environments.collect(3600)) == []
    ((folder, size),) = environments.collect(0)
    assert folder == environment.folder
    assert size > 0
    assert environment.facts() is None
    async with await Host.start(catalog.find("once"), ShortLimits()):
        assert environment.facts()


async def test_an_environment_whose_python_is_gone_is_made_anew(
    tmp_path: Path, wheels: Path
) -> None:
    catalog = catalog_of(make_plugin(tmp_path, "moved", '"tinylib"'), wheels=wheels)
    await catalog.load()
    environment = catalog.plugins[0].environment
    assert environment
    environment.python.unlink()
    environment.python.symlink_to(tmp_path / "gone")
    async with await Host.start(catalog.find("moved"), ShortLimits()):
        pass
    assert environment.python.samefile(sys.executable)

"""Every form of a plugin, found, loaded and told apart from others."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from stormdb.errors import PluginError
from stormdb.plugins import Catalog, DefaultSettings, Host, Kind, PluginRecord, discover
from tests.it.plugins.conftest import Imported, ShortLimits

SOURCE = """
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin

PORT = {port}
if PORT:
    import socket

    socket.socket(type=socket.SOCK_DGRAM).sendto(b"{name}", ("127.0.0.1", PORT))


class Nothing(Workload):
    async def setup(self, ctx, db, cfg): ...
    async def run(self, ctx, db, cfg, metrics): ...


class Plugin(WorkloadPlugin):
    def get_metadata(self):
        return PluginMetadata(name="{name}", version="1.0.0", workload_types=["{type}"])

    def create_workload(self, workload_type):
        return Nothing()


PLUGIN = Plugin()
"""
PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}-plugin"
version = "1.0.0"
dependencies = ["msgpack>=1"]

[project.entry-points."stormdb.plugins"]
{name} = "{name}_plugin.main:PLUGIN"
"""


def source(name: str, workload_type: str | None = None) -> str:
    text = SOURCE.replace("{name}", name).replace("{type}", workload_type or name)
    return text.replace("{port}", os.environ.get("TOLD_PORT", "0"))


def make_file(folder: Path, name: str, workload_type: str | None = None) -> Path:
    file = folder / f"{name}.py"
    file.write_text(source(name, workload_type))
    return file


def make_package(folder: Path, name: str) -> Path:
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text(f"from {name}.main import PLUGIN\nfrom . import main\n")
    (package / "main.py").write_text(source(name))
    return package


def make_project(folder: Path, name: str, *, below: str = "src") -> Path:
    project = folder / name
    package = project / below / f"{name}_plugin"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "main.py").write_text(source(name))
    (project / "pyproject.toml").write_text(PYPROJECT.replace("{name}", name))
    return project


def make_wheel(folder: Path, name: str) -> Path:
    """As a build makes it; a real build of a project is in the tests of the examples."""
    path = folder / f"{name}_plugin-1.0.0-py3-none-any.whl"
    information = f"{name}_plugin-1.0.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}_plugin/__init__.py", "")
        archive.writestr(f"{name}_plugin/main.py", source(name))
        archive.writestr(
            f"{information}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0.0\n"
            "Requires-Python: >=3.11\nRequires-Dist: msgpack>=1\n",
        )
        archive.writestr(
            f"{information}/entry_points.txt",
            f"[console_scripts]\nx = y:z\n\n[stormdb.plugins]\n"
            f"{name} = {name}_plugin.main:PLUGIN\n",
        )
    return path


def make_zip(folder: Path, thing: Path) -> Path:
    path = folder / f"{thing.stem}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in [thing] if thing.is_file() else sorted(thing.rglob("*.*")):
            archive.write(file, file.relative_to(thing.parent))
    return path


def settings(**fields: object) -> DefaultSettings:
    return DefaultSettings(limits=ShortLimits(), **fields)


async def read(*paths: Path) -> Catalog:
    """A catalog of these plugins alone."""
    found = (record for path in paths for record in discover.at_path(path))
    catalog = Catalog(found, ShortLimits())
    await catalog.load()
    return catalog


async def test_every_form_is_found_in_a_folder_and_loads(tmp_path: Path) -> None:
    folder, other = tmp_path / "plugins", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    make_file(folder, "in_file")
    make_package(folder, "in_package")
    make_project(folder, "in_project")
    make_project(folder, "in_flat_project", below=".")
    make_wheel(folder, "in_wheel")
    make_zip(folder, make_file(other, "in_zip"))
    make_zip(folder, make_package(other, "in_packed_package"))
    make_zip(folder, make_project(other, "in_packed_project"))
    (folder / "notes.txt").write_text("no plugin")
    (folder / "test_in_file.py").write_text("raise SystemExit")
    (folder / "_helper.py").write_text("raise SystemExit")
    (folder / "data").mkdir()
    make_file(folder / "data", "below")
    catalog = Catalog.discover(settings(paths=[str(folder)]))
    await catalog.load()
    kinds = {
        record.name: record.kind
        for record in catalog.plugins
        if record.kind not in {Kind.BUILTIN, Kind.DISTRIBUTION}
    }
    assert kinds == {
        "in_file": Kind.FILE,
        "in_package": Kind.PACKAGE,
        "in_project": Kind.PROJECT,
        "in_flat_project": Kind.PROJECT,
        "in_wheel": Kind.WHEEL,
        "in_zip": Kind.ZIP,
        "in_packed_package": Kind.ZIP,
        "in_packed_project": Kind.ZIP,
    }
    assert [record.problem for record in catalog.plugins if record.problem] == []
    assert len({record.digest for record in catalog.plugins}) == len(catalog.plugins)
    for name in kinds:
        async with await Host.start(catalog.find(name), ShortLimits()) as host:
            await host.create_workload(name)


async def test_auto_load_off_leaves_folders_alone_but_not_files(tmp_path: Path) -> None:
    make_file(tmp_path, "searched")
    (tmp_path / "named").mkdir()
    file = make_file(tmp_path / "named", "named")
    catalog = Catalog.discover(
        settings(paths=[str(tmp_path)], files=[str(file)], auto_load=False),
        where=lambda key: f"stormdb.yaml:3: {key}",
    )
    names = {record.name: record for record in catalog.plugins}
    assert "searched" not in names
    assert names["named"].config_place == "stormdb.yaml:3: plugins.files[0]"


async def test_the_built_in_plugins_are_found_and_can_be_used() -> None:
    catalog = Catalog.discover(settings())
    await catalog.load()
    record = catalog.find("quickstart")
    assert record.kind is Kind.BUILTIN
    assert record.problem is None


async def test_an_installed_distribution_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder stands for site-packages: what an installer unpacks there is the wheel."""
    with zipfile.ZipFile(make_wheel(tmp_path, "installed")) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (record,) = [record for record in discover.installed() if record.name == "installed"]
    assert record.kind is Kind.DISTRIBUTION
    assert record.source == "installed-plugin 1.0.0"
    catalog = Catalog([record], ShortLimits())
    await catalog.load()
    async with await Host.start(catalog.find("installed"), ShortLimits()) as host:
        await host.create_workload("installed")
    (tmp_path / "site" / "installed_plugin" / "main.py").unlink()
    (tmp_path / "site" / "installed_plugin" / "__init__.py").unlink()
    (tmp_path / "site" / "installed_plugin").rmdir()
    (broken,) = [record for record in discover.installed() if record.name == "installed"]
    assert "names the module installed_plugin.main in its entry point" in str(broken.problem)


async def test_two_plugins_with_one_name_are_named_with_both_places(tmp_path: Path) -> None:
    first = make_file(tmp_path, "first")
    second = tmp_path / "second.py"
    second.write_text(source("first", "another_type"))
    third = make_file(tmp_path, "third")
    catalog = await read(first, second, third)
    for workload_type in ("first", "another_type"):
        with pytest.raises(PluginError) as caught:
            catalog.find(workload_type)
        assert f"several plugins are named first: {first} and {second}" in str(caught.value)
    assert catalog.find("third").problem is None


async def test_two_plugins_with_one_workload_type_are_named_with_both_places(
    tmp_path: Path,
) -> None:
    first = make_file(tmp_path, "first", "read")
    second = make_file(tmp_path, "second", "read")
    catalog = await read(first, second)
    with pytest.raises(PluginError) as caught:
        catalog.find("read")
    assert f"several plugins have the workload type read: {first} and {second}" in str(caught.value)


async def test_a_plugin_that_is_named_twice_is_one_plugin(tmp_path: Path) -> None:
    file = make_file(tmp_path, "once")
    catalog = Catalog.discover(settings(paths=[str(tmp_path)], files=[str(file), str(file)]))
    await catalog.load()
    assert [record.name for record in catalog.plugins].count("once") == 1
    assert catalog.find("once").problem is None


async def test_an_unknown_workload_type_gets_the_nearest_ones(tmp_path: Path) -> None:
    catalog = await read(make_file(tmp_path, "orders"), make_file(tmp_path, "stock"))
    with pytest.raises(PluginError) as caught:
        catalog.find("order")
    assert str(caught.value) == (
        "no plugin has the workload type order; hint: did you mean orders?"
    )
    with pytest.raises(PluginError, match="hint: known are orders, stock"):
        catalog.find("xyz")
    with pytest.raises(PluginError, match=r"there is no plugin stok; hint: did you mean stock\?"):
        catalog.named("stok")


async def test_code_runs_once_as_long_as_the_files_stay_the_same(
    tmp_path: Path, imported: Imported
) -> None:
    file = make_file(tmp_path, "once")
    for _ in range(3):
        catalog = await read(file)
        assert catalog.find("once").metadata
    assert imported.names() == ["once"]
    file.write_text(source("changed"))
    assert (await read(file)).find("changed")
    assert imported.names() == ["changed"]


async def test_finding_runs_no_code(tmp_path: Path, imported: Imported) -> None:
    make_file(tmp_path, "a")
    make_package(tmp_path, "b")
    make_project(tmp_path, "c")
    make_wheel(tmp_path, "d")
    Catalog.discover(settings(paths=[str(tmp_path)]))
    assert imported.names() == []


def in_project(folder: Path) -> PluginRecord:
    (record,) = discover.at_path(folder)
    return record


def test_a_place_within_an_archive_is_shown_as_one(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "packed")
    record = in_project(path)
    assert record.entry
    file = record.entry.roots[0] + "/main.py"
    place = {"file": file, "line": 7, "function": "setup", "text": ""}
    assert record.place(place) == f"{path}/packed_plugin/main.py:7 (setup)"


async def test_a_name_of_a_module_that_is_installed_does_no_harm(tmp_path: Path) -> None:
    for name in ("msgpack.py", "my-packer 2.0.py"):
        file = tmp_path / name
        file.write_text("import msgpack\nassert msgpack.packb(1)\n" + source("packer"))
        assert (await read(file)).find("packer")

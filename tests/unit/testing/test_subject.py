from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from stormdb.errors import PluginError
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin
from stormdb.testing.subject import _home, find_record, only_record


class Lonely(WorkloadPlugin):
    def get_metadata(self) -> PluginMetadata:
        return PluginMetadata(name="lonely", version="1", workload_types=("lonely",))

    def create_workload(self, workload_type: str) -> Workload:
        raise ValueError(workload_type)


def exported(monkeypatch: pytest.MonkeyPatch, file: str, *modules: str) -> WorkloadPlugin:
    """A plugin whose class is in the last of the modules, and which the first one exports."""
    of_modules: Any = type("Shop", (Lonely,), {"__module__": modules[-1]})
    plugin: WorkloadPlugin = of_modules()
    for name in modules:
        module = ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
    vars(sys.modules[modules[0]])["PLUGIN"] = plugin
    return plugin


def test_a_package_is_found_by_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = exported(monkeypatch, "/x/shop/__init__.py", "shop", "shop.plugin")
    assert _home(plugin) == Path("/x/shop")


def test_a_file_is_found_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = exported(monkeypatch, "/x/shop.py", "shop")
    assert _home(plugin) == Path("/x/shop.py")


def test_a_plugin_that_no_module_exports_is_told() -> None:
    with pytest.raises(PluginError, match="exports the plugin as PLUGIN"):
        _home(Lonely())


async def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="there is no file or folder"):
        await find_record(tmp_path / "shop.py")


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "there is no plugin"), (["a", "b"], "there are several plugins: a, b")],
)
def test_one_plugin_at_a_time_is_tested(names: list[str], message: str) -> None:
    plugins = [SimpleNamespace(name=name) for name in names]
    catalog = cast("Any", SimpleNamespace(plugins=plugins))
    with pytest.raises(PluginError, match=message):
        only_record(catalog, Path("/x"))

"""From what a test names to the plugin that is tested."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.errors import PluginError
from stormdb.plugin import WorkloadPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stormdb.plugins import Catalog, PluginRecord

__all__ = ["find_record", "only_record"]


async def find_record(plugin: WorkloadPlugin | str | Path) -> PluginRecord:
    """The plugin that a test names.

    Args:
        plugin: what its module exports, its path, or the name under which stormdb finds it.

    Raises:
        PluginError: it cannot be found; one that is found and broken is a record with a problem.
    """
    from stormdb.plugins import Catalog, DefaultSettings

    settings = DefaultSettings()
    if isinstance(plugin, str) and not {"/", "."} & set(plugin):
        catalog = Catalog.discover(settings)
        await catalog.load()
        return catalog.named(plugin)
    path = Path(plugin) if isinstance(plugin, str | Path) else _home(plugin)
    if not path.exists():
        raise PluginError(f"there is no file or folder {path}", hint="name the plugin's path")
    catalog = Catalog.at_paths([path], settings.limits)
    await catalog.load()
    return only_record(catalog, path)


def only_record(catalog: Catalog, path: Path) -> PluginRecord:
    """The plugin of a catalog that has one.

    Raises:
        PluginError: there is none, or there are several.
    """
    if len(catalog.plugins) == 1:
        return catalog.plugins[0]
    names = ", ".join(record.name for record in catalog.plugins)
    raise PluginError(
        f"there are several plugins: {names}" if names else "there is no plugin",
        where=str(path),
        hint="test one at a time: name its own file or folder",
    )


def _home(plugin: WorkloadPlugin) -> Path:
    """File or folder of the module that exports the plugin; of a package, its outermost folder."""
    for name in _modules(type(plugin).__module__):
        module = sys.modules.get(name)
        if module is not None and getattr(module, "PLUGIN", None) is plugin:
            file = Path(inspect.getfile(module))
            return file.parent if file.name == "__init__.py" else file
    raise PluginError(
        f"no module of {type(plugin).__module__} exports the plugin as PLUGIN",
        hint="end its module with PLUGIN = …, or give a path: plugin = 'src/my_plugin'",
    )


def _modules(name: str) -> Iterator[str]:
    """`a`, `a.b`, `a.b.c` of `a.b.c`."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])

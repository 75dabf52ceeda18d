"""Imports a plugin and checks what it exports; runs in the child process."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin
from stormdb.plugins import places
from stormdb.plugins.failures import ContractError
from stormdb.plugins.own_source import OwnSource, import_from_source

if TYPE_CHECKING:
    from stormdb.plugins.record import EntryPoint

__all__ = [
    "create_workload",
    "describes_transactions",
    "has_run",
    "import_plugin",
    "read_metadata",
]

_METHODS = {
    "setup": ("ctx", "db", "cfg"),
    "run": ("ctx", "db", "cfg", "metrics"),
    "verify": ("ctx", "db", "cfg"),
    "cleanup": ("ctx", "db", "cfg"),
}


def import_plugin(entry: EntryPoint) -> WorkloadPlugin:
    """Import the module and take the plugin from it.

    Raises:
        ContractError: the module exports no plugin.
    """
    module = _import(entry)
    plugin = getattr(module, entry.attribute, None)
    if plugin is None:
        raise _no_plugin(module, entry.attribute)
    if inspect.isclass(plugin):
        if issubclass(plugin, WorkloadPlugin):
            raise ContractError(
                f"exports the class {plugin.__name__} as {entry.attribute}, it must be an instance",
                hint=f"write {entry.attribute} = {plugin.__name__}()",
            )
        plugin_type = f"the class {plugin.__name__}"
    else:
        plugin_type = f"an object of type {type(plugin).__name__}"
    if not isinstance(plugin, WorkloadPlugin):
        raise ContractError(
            f"exports {plugin_type} as {entry.attribute}, "
            "it must be an instance of a subclass of stormdb.plugin.WorkloadPlugin",
            hint=f"write class MyPlugin(WorkloadPlugin): ... and {entry.attribute} = MyPlugin()",
        )
    return plugin


def _import(entry: EntryPoint) -> ModuleType:
    import_from_source(entry.roots)
    if entry.search_path:
        sys.path.insert(0, entry.search_path)
    if not entry.file:
        return importlib.import_module(entry.module)
    name, folder = entry.module, None
    if entry.file.endswith("__init__.py"):
        folder = [entry.file.rpartition("/")[0]]
    elif not name.isidentifier() or importlib.util.find_spec(name):
        # A file may have the name of a module that it imports, or one that is no name at all.
        name = "stormdb_plugin_" + re.sub(r"\W", "_", name)
    spec = importlib.util.spec_from_file_location(
        name,
        entry.file,
        loader=OwnSource(name, entry.file),
        submodule_search_locations=folder,
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _no_plugin(module: ModuleType, attribute: str) -> ContractError:
    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, WorkloadPlugin)
        and value is not WorkloadPlugin
        and value.__module__.partition(".")[0] == module.__name__.partition(".")[0]
    ]
    name = own[0].__name__ if len(own) == 1 else "MyPlugin"
    what = f"defines {name} but exports no {attribute}" if own else f"exports no {attribute}"
    return ContractError(what, hint=f"end the module with {attribute} = {name}()")


def read_metadata(plugin: WorkloadPlugin) -> PluginMetadata:
    """Ask the plugin who it is.

    Raises:
        ContractError: the answer is no `PluginMetadata`.
    """
    metadata: Any = plugin.get_metadata()
    if inspect.iscoroutine(metadata):
        metadata.close()
        raise ContractError("has an async get_metadata()", hint="write it without async")
    if not isinstance(metadata, PluginMetadata):
        shown = "None" if metadata is None else f"an object of type {type(metadata).__name__}"
        raise ContractError(
            f"returns {shown} from get_metadata(), it must be a stormdb.plugin.PluginMetadata"
        )
    return metadata


def create_workload(plugin: WorkloadPlugin, workload_type: str) -> Workload:
    """Let the plugin make a workload.

    Raises:
        ContractError: it made something else.
    """
    workload: Any = plugin.create_workload(workload_type)
    if inspect.iscoroutine(workload):
        workload.close()
        raise ContractError("has an async create_workload()", hint="write it without async")
    if not isinstance(workload, Workload):
        shown = "None" if workload is None else f"an object of type {type(workload).__name__}"
        raise ContractError(
            f"returns {shown} from create_workload({workload_type!r}), "
            "it must be an instance of a subclass of stormdb.plugin.Workload"
        )
    if not (has_run(workload) or describes_transactions(workload)):
        name = type(workload).__name__
        raise ContractError(
            f"makes a {name} that lacks run",
            hint=f"write async def run(self, {', '.join(_METHODS['run'])}) into the class {name}, "
            "or methods with @transaction from stormdb.workload",
            place=places.of_function(type(plugin).create_workload),
        )
    for name, arguments in _METHODS.items():
        _check_method(workload, name, arguments)
    _check_model(workload)
    return workload


def has_run(workload: Workload) -> bool:
    """Whether a workload has the form of a coroutine."""
    return type(workload).run is not Workload.run


def describes_transactions(workload: Workload) -> bool:
    """Whether a workload has the form of described transactions."""
    # Start-up time: a workload that has it has imported what makes it.
    module = sys.modules.get("stormdb.workload.transactions")
    return module is not None and module.describes_transactions(workload)


def _check_method(workload: Workload, name: str, arguments: Sequence[str]) -> None:
    method = getattr(workload, name)
    function = inspect.unwrap(getattr(method, "__func__", method))
    hint = f"write async def {name}(self, {', '.join(arguments)})"
    place = places.of_function(function)
    if not inspect.iscoroutinefunction(function):
        raise ContractError(f"has a {name}() that is no coroutine", hint=hint, place=place)
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError as error:
        raise ContractError(
            f"has a {name}() that does not take {', '.join(arguments)}: {error}",
            hint=hint,
            place=place,
        ) from error


def _check_model(workload: Workload) -> None:
    model: Any = workload.config_model
    if model is None:
        return
    from pydantic import BaseModel

    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        raise ContractError(
            f"has a workload whose config_model is {model!r}, it must be a pydantic model",
            hint="write class Options(BaseModel): ... and config_model = Options",
        )

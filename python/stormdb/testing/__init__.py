"""The public test kit: the contract of a plugin as tests, and a runner for tests of one's own.

`class TestContract(PluginContract): plugin = PLUGIN` in a file of tests is all that pytest needs;
`stormdb plugins test PATH` is the same without pytest. See docs/testing-a-plugin.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stormdb.testing.contract import PluginContract
    from stormdb.testing.runner import Run, Runner
    from stormdb.testing.scratch import ScratchDatabase, ScratchServer

__all__ = ["PluginContract", "Run", "Runner", "ScratchDatabase", "ScratchServer"]

_MODULES = {
    "PluginContract": "contract",
    "Run": "runner",
    "Runner": "runner",
    "ScratchDatabase": "scratch",
    "ScratchServer": "scratch",
}


def __getattr__(name: str) -> Any:
    # pytest imports this package at every start, whether a test needs it or not.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)

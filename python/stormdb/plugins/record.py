"""`PluginRecord`: where a plugin is, how it is loaded, and what is known of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdb.plugins.access import Access

if TYPE_CHECKING:
    from stormdb.errors import PluginError
    from stormdb.plugin import PluginMetadata
    from stormdb.plugins.environments import Environment
    from stormdb.plugins.places import Place

__all__ = ["EntryPoint", "Kind", "PluginRecord"]


class Kind(StrEnum):
    """In which form a plugin was found."""

    BUILTIN = "built-in"
    FILE = "file"
    PACKAGE = "package"
    PROJECT = "project"
    WHEEL = "wheel"
    ZIP = "zip"
    DISTRIBUTION = "distribution"
    BINARY = "binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """How the child imports a plugin.

    Attributes:
        module: the module that exports the plugin.
        attribute: under which name.
        file: load the module from this file instead of looking for it; "" to look for it.
        search_path: folder to put in front of `sys.path`; "" for none.
        roots: the files and folders that hold the plugin's code.
    """

    module: str
    attribute: str = "PLUGIN"
    file: str = ""
    search_path: str = ""
    roots: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """As a map."""
        return asdict(self)

    @classmethod
    def from_wire(cls, value: dict[str, Any]) -> EntryPoint:
        """The opposite of `to_wire`."""
        return cls(**{**value, "roots": tuple(value["roots"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRecord:
    """One plugin, found and perhaps read.

    Attributes:
        name: from its metadata; as long as these are unknown, the name of its file or folder.
        kind: in which form it was found.
        source: path of the file or folder, name and version of the distribution, or module of the
            built-in plugin.
        entry: how to import it; None if it cannot be.
        digest: sha256 over the plugin's files, in hex; "" if they could not be read.
        metadata: what it says about itself; None as long as it was not asked.
        problem: why it cannot be used; None if nothing is known against it.
        config_place: what named it, such as `stormdb.yaml:7 (plugins.files)`; "" if it was found.
        requirements: the Python packages that its files declare.
        requires_python: the Python versions that its files declare, such as `>=3.12`.
        environment: what it runs in; None for stormdb's own environment.
        declared: what its files say about it, so that its code need not be asked; None if nothing.
        origin: what it was installed from; "" if it lies where its author or user put it.
        access: what its files ask for besides what every plugin may reach.
    """

    name: str
    kind: Kind
    source: str
    entry: EntryPoint | None = None
    digest: str = ""
    metadata: PluginMetadata | None = None
    problem: PluginError | None = None
    config_place: str = ""
    requirements: tuple[str, ...] = ()
    requires_python: str = ""
    environment: Environment | None = None
    declared: PluginMetadata | None = None
    origin: str = ""
    access: Access = field(default_factory=Access)
    unpacked: str = field(default="", repr=False)

    def show(self, path: str) -> str:
        """A path of the plugin for people: below the current folder or absolute."""
        if self.unpacked and path.startswith(self.unpacked):
            path = self.source + path[len(self.unpacked) :]
        try:
            return str(Path(path).relative_to(Path.cwd()))
        except ValueError:
            return path

    @property
    def where(self) -> str:
        """The plugin's source, for people."""
        return self.show(self.source) if "/" in self.source else self.source

    def place(self, place: Place | None) -> str:
        """A place in the plugin's code for people; the plugin itself if there is none."""
        if not place:
            return self.where
        function = place["function"]
        inside = f" ({function})" if function and not function.startswith("<") else ""
        return f"{self.show(place['file'])}:{place['line']}{inside}"

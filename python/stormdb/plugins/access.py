"""What plugin code may reach besides what every plugin may: declared by it, or by the user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from stormdb.config.target import ConnectTarget

__all__ = ["Access", "AccessError", "declared_access"]

_KEYS = {"environment": str, "read": str, "write": str, "connect": int}


class AccessError(ValueError):
    """A table `[tool.stormdb.access]` that cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """More than every plugin may reach; see docs/security.md for what that is.

    Attributes:
        environment: names of variables.
        read: files and folders, absolute.
        write: files and folders in which everything may be done, absolute.
        connect: TCP ports, on any host.
    """

    environment: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    connect: tuple[int, ...] = ()

    def __or__(self, other: Self) -> Self:
        """What one or the other allows."""
        return replace(
            self,
            environment=_union(self.environment, other.environment),
            read=_union(self.read, other.read),
            write=_union(self.write, other.write),
            connect=_union(self.connect, other.connect),
        )

    @classmethod
    def to_server(cls, target: ConnectTarget) -> Self:
        """What it takes to connect to a server: its port, the files of certificates and keys."""
        files = (target.sslrootcert, target.sslcert, target.sslkey, target.sslcrl)
        return cls(
            read=tuple(str(Path(file).absolute()) for file in files if file not in {"", "system"}),
            # A host that begins with a slash is the folder of a Unix socket.
            connect=tuple(
                port
                for host, port in zip(target.hosts, target.ports, strict=True)
                if not host.startswith(("/", "@"))
            ),
        )


def _union(one: Iterable[Any], other: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def declared_access(table: Mapping[str, Any], folder: Path) -> Access:
    """What a script block or a pyproject.toml asks for in `[tool.stormdb.access]`.

    Args:
        table: the whole document.
        folder: relative paths are below it.

    Raises:
        AccessError: it asks for something that there is not.
    """
    about = table.get("tool", {}).get("stormdb", {})
    if not isinstance(about, Mapping):
        raise AccessError("it is no table")
    asked = about.get("access", {})
    if not isinstance(asked, Mapping):
        raise AccessError("access is no table")
    for key, values in asked.items():
        if key not in _KEYS:
            raise AccessError(f"access.{key} is no key, there are {', '.join(_KEYS)}")
        kind = _KEYS[key]
        if not isinstance(values, list) or not all(type(value) is kind for value in values):
            of = "texts" if kind is str else "whole numbers"
            raise AccessError(f"access.{key} is {values!r}, it must be a list of {of}")

    def paths(key: str) -> tuple[str, ...]:
        return tuple(
            str((folder / Path(path).expanduser()).absolute()) for path in asked.get(key, ())
        )

    return Access(
        environment=tuple(asked.get("environment", ())),
        read=paths("read"),
        write=paths("write"),
        connect=tuple(asked.get("connect", ())),
    )

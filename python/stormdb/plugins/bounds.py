"""The bounds of a plugin's processes, from its record and the limits of the configuration."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.plugins.access import Access
from stormdb.plugins.record import Kind
from stormdb.plugins.sandbox import Bounds, folders_of_python

if TYPE_CHECKING:
    from stormdb.plugins.record import PluginRecord
    from stormdb.plugins.settings import Limits

__all__ = ["access_of", "bounds_of"]


def access_of(record: PluginRecord, limits: Limits) -> Access:
    """What a plugin may reach besides what every plugin may: it asked, or the user said so."""
    return record.access | Access(
        environment=tuple(limits.environment),
        read=tuple(str(Path(path).absolute()) for path in limits.read),
        write=tuple(str(Path(path).absolute()) for path in limits.write),
        connect=tuple(limits.connect),
    )


def bounds_of(record: PluginRecord, limits: Limits, access: Access) -> Bounds:
    """The bounds of one process; makes its temporary folder.

    Args:
        record: the plugin; its own files may be read.
        limits: what it may use.
        access: what it may reach.
    """
    entry = record.entry
    own = (*entry.roots, entry.search_path, entry.file, record.unpacked) if entry else ()
    if record.kind is Kind.PROJECT:
        own = (*own, record.source)
    if record.environment:  # stormdb and what it needs are linked into it
        own = (*own, *folders_of_python())
    return Bounds(
        folder=tempfile.mkdtemp(prefix="stormdb-plugin-"),
        disk_bytes=limits.disk_bytes,
        cpu_s=-(-limits.cpu_time_ns // 10**9),
        open_files=limits.open_files,
        processes=limits.processes,
        is_narrowed=limits.sandbox == "auto",
        read=(*filter(None, own), *access.read),
        write=access.write,
        connect=access.connect,
        user=limits.user or "",
    )

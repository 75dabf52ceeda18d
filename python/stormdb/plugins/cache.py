"""What is kept between commands in the user's cache folder: unpacked archives and metadata.

Everything in it can be made again; what cannot be read or written counts as absent.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import sys
import tempfile
import zipfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from stormdb.plugin.metadata import API_VERSION, PluginMetadata

if TYPE_CHECKING:
    from stormdb.plugins.record import PluginRecord

__all__ = ["cache_folder", "read_metadata", "unpack", "write_metadata"]

_UNPACKED_BYTES = 2**30


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/stormdb`, by default `~/.cache/stormdb`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "stormdb"


@functools.cache
def _versions() -> str:
    """What else metadata depend on than the plugin's files; slow to find out."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{version('stormdb')}-{API_VERSION}-py{python}"


def _metadata_file(record: PluginRecord) -> Path:
    return cache_folder() / "metadata" / _versions() / f"{record.digest}.json"


def read_metadata(record: PluginRecord) -> PluginMetadata | None:
    """What the same files said about themselves before."""
    try:
        return PluginMetadata(**json.loads(_metadata_file(record).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_metadata(record: PluginRecord) -> None:
    """Keep what a plugin said about itself."""
    assert record.metadata
    file = _metadata_file(record)
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as temporary:
            json.dump(asdict(record.metadata), temporary)
        Path(temporary.name).replace(file)


def unpack(archive: Path, digest: str) -> Path:
    """Folder with the contents of a wheel or zip, whose digest is known.

    Raises:
        ValueError: the archive is damaged, or too large.
        OSError: there is no room.
    """
    folder = cache_folder() / "unpacked" / digest
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="stormdb-")) / digest
        atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        with zipfile.ZipFile(archive) as opened:
            size = sum(member.file_size for member in opened.infolist())
            if size > _UNPACKED_BYTES:
                raise ValueError(f"would unpack to {size} bytes, the limit is {_UNPACKED_BYTES}")
            # Takes absolute paths and `..` out of the names.
            opened.extractall(temporary)
        # Another process may have been faster; its folder holds the same.
        with contextlib.suppress(OSError):
            temporary.rename(folder)
    except zipfile.BadZipFile as error:
        raise ValueError("is no zip archive, or is damaged") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder

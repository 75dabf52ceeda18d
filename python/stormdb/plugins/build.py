"""Builds a plugin's project into a wheel that has the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import time
import tomllib
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stormdb.errors import ConfigError
from stormdb.plugins import discover
from stormdb.plugins.record import Kind, PluginRecord

__all__ = ["build_wheel"]

_EARLIEST_S = 315_532_800
"""1980-01-01, before which a zip knows no time."""


async def build_wheel(folder: Path, out: Path, *, wheels: str = "") -> Path:
    """Let the project's own build backend make a wheel, then put it in order.

    Args:
        folder: has a `pyproject.toml`.
        out: where the wheel goes; made if need be.
        wheels: folder that the build backend is taken from; "" for a package index.

    Returns:
        the wheel.

    Raises:
        ConfigError: the folder is no project, or SOURCE_DATE_EPOCH is no time.
        PluginError: the plugin cannot be used, or its build fails.
    """
    from stormdb.plugins.uv import packages_from, run_uv

    record, time_s = _project(folder), _time_s()
    with tempfile.TemporaryDirectory() as temporary:
        await run_uv(
            *("build", "--wheel", "--out-dir", temporary, *packages_from(wheels)),
            record.source,
            what=f"plugin {record.name} cannot be built",
            where=record.where,
            variables={"SOURCE_DATE_EPOCH": str(time_s)},
        )
        return _put_in_order(Path(temporary), out, record, time_s)


def _project(folder: Path) -> PluginRecord:
    found = list(discover.at_path(folder)) if folder.is_dir() else []
    for record in found:
        if record.problem:
            raise record.problem
        if record.kind is Kind.PROJECT:
            return record
    raise ConfigError(
        f"{folder} is no folder with a pyproject.toml",
        hint="name the folder of a project; a plugin in one file is shared as it is",
    )


def _time_s() -> int:
    text = os.environ.get("SOURCE_DATE_EPOCH", str(_EARLIEST_S))
    if not text.isdecimal():
        raise ConfigError(
            f"SOURCE_DATE_EPOCH is {text!r}", hint="write it as seconds after 1970-01-01"
        )
    return max(int(text), _EARLIEST_S)


def _put_in_order(folder: Path, out: Path, record: PluginRecord, time_s: int) -> Path:
    """Write the wheel in a folder anew: sorted, with one time, one mode and the plugin's metadata.

    Not compressed, because two versions of zlib compress to different bytes.
    """
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        files = {one: archive.read(one) for one in archive.namelist() if not one.endswith("/")}
    information = next(one.partition("/")[0] for one in files if ".dist-info/" in one)
    if about := _about(record):
        text = json.dumps(about, indent=2, sort_keys=True)
        files[f"{information}/{discover.ABOUT_FILE}"] = text.encode()
    listing = f"{information}/RECORD"
    files.pop(listing)
    lines = [f"{name},sha256={_digest(files[name])},{len(files[name])}" for name in sorted(files)]
    files[listing] = "\n".join([*lines, f"{listing},,", ""]).encode()
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out / built.name, "w") as archive:
        for name in sorted(files, key=lambda name: (".dist-info/" in name, name)):
            member = zipfile.ZipInfo(name, time.gmtime(time_s)[:6])
            member.external_attr = 0o100644 << 16
            member.create_system = 3  # Unix, wherever it is built
            archive.writestr(member, files[name])
    return out / built.name


def _about(record: PluginRecord) -> dict[str, Any]:
    """What the project declares of the plugin; paths that it asks for stay as they are."""
    table = tomllib.loads((Path(record.source) / "pyproject.toml").read_text(encoding="utf-8"))
    access = table.get("tool", {}).get("stormdb", {}).get("access")
    about = asdict(record.declared) if record.declared else {}
    return about | ({"access": access} if access else {})


def _digest(content: bytes) -> str:
    digest = hashlib.sha256(content).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

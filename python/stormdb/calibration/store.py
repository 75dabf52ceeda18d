"""Calibrations in the user's cache folder, one file per machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from stormdb.errors import StoreError
from stormdb.plugins.cache import cache_folder
from stormdb.results import Calibration, Ceiling

__all__ = ["file_of", "load", "machine", "save"]


def machine() -> dict[str, str | int]:
    """What a ceiling depends on; with another value of any of them the old one is of no use."""
    return {
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "stormdb": version("stormdb"),
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor()


def file_of(key: dict[str, str | int]) -> Path:
    """Where the ceilings of a machine are kept."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return cache_folder() / "calibration" / f"{digest[:16]}.json"


def load() -> Calibration | None:
    """The calibration of this machine; None if there is none that can be read."""
    key = machine()
    try:
        stored = json.loads(file_of(key).read_text(encoding="utf-8"))
        return Calibration(
            machine=key,
            measured_at=datetime.fromisoformat(stored["measured_at"]),
            ceilings=tuple(Ceiling(**ceiling) for ceiling in stored["ceilings"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def save(ceilings: Iterable[Ceiling]) -> Path:
    """Keep ceilings of this machine; those of other shapes that are known stay.

    Returns:
        The file.

    Raises:
        StoreError: it cannot be written.
    """
    known = load()
    by_shape = {one.shape: one for one in (*(known.ceilings if known else ()), *ceilings)}
    key = machine()
    document = {
        "machine": key,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "ceilings": [asdict(ceiling) for ceiling in by_shape.values()],
    }
    file = file_of(key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, delete=False, encoding="utf-8"
        ) as temporary:
            json.dump(document, temporary, indent=1)
        Path(temporary.name).replace(file)
    except OSError as error:
        raise StoreError(
            f"the calibration cannot be kept: {error.strerror}",
            where=str(file),
            hint="set XDG_CACHE_HOME to a folder that can be written to",
        ) from None
    return file

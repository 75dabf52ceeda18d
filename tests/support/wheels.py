"""Tiny wheels, made as a build makes them, for tests that must not need a package index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["make_wheel"]


def make_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str],
    *,
    requires: Sequence[str] = (),
    entry_points: str = "",
) -> Path:
    """A pure wheel with these files.

    Args:
        folder: where to put it; made if need be.
        name: of the distribution, with `_`.
        version: its version.
        files: text of each file, by its path.
        requires: requirement strings.
        entry_points: text of `entry_points.txt`; "" for none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    information = f"{name}-{version}.dist-info"
    headers = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    headers += [f"Requires-Dist: {one}" for one in requires]
    contents = {
        **files,
        f"{information}/METADATA": "\n".join(headers) + "\n",
        f"{information}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry_points:
        contents[f"{information}/entry_points.txt"] = entry_points
    lines = []
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        lines.append(f"{path},sha256={digest.decode()},{len(text.encode())}")
    record = f"{information}/RECORD"
    contents[record] = "\n".join([*lines, f"{record},,"]) + "\n"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return wheel

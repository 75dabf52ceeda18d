"""Says what a file is that cannot be a Python plugin: a compiled library, a wheel for elsewhere."""

from __future__ import annotations

import mmap
from pathlib import Path

__all__ = ["library_problem", "wheel_problem"]

PORTING_PAGE = "docs/plugin-development-guide.md#porting-a-go-plugin"
_FORMATS = {
    b"\x7fELF": "an ELF library (Linux)",
    b"MZ": "a PE library (Windows)",
    b"\xcf\xfa\xed\xfe": "a Mach-O library (macOS)",
    b"\xce\xfa\xed\xfe": "a Mach-O library (macOS)",
    b"\xca\xfe\xba\xbe": "a Mach-O library (macOS)",
}
# Go's linker puts the first of these into every program and library that it makes.
_GO_MARKS = (b"\xff Go buildinf:", b"go.buildid", b"Go build ID:")


def library_problem(path: Path) -> tuple[str, str]:
    """What a `.so`, `.dll` or `.dylib` file is, and what to do; both follow the plugin's name."""
    with path.open("rb") as file:
        head = file.read(4)
        form = next((text for mark, text in _FORMATS.items() if head.startswith(mark)), "")
        is_go = False
        if form:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                is_go = any(data.find(mark) >= 0 for mark in _GO_MARKS)
    if is_go:
        return (
            f"is {form} built from Go for the older tool; plugins are Python now",
            f"see {PORTING_PAGE}",
        )
    return (
        f"is {form}, not a Python plugin" if form else "has the name of a library but is none",
        f"name a .py file, a package folder, a wheel or a zip; Go plugins: see {PORTING_PAGE}",
    )


def wheel_problem(path: Path) -> tuple[str, str] | None:
    """Why a wheel cannot be used here, by the tags in its name; None if it can."""
    from packaging.tags import sys_tags
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        _, _, _, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename:
        return (
            "has a name that is no wheel's",
            "keep the name that the build gave it, such as my_plugin-1.0.0-py3-none-any.whl",
        )
    here = list(sys_tags())
    if tags.isdisjoint(here):
        built_for = ", ".join(sorted(map(str, tags)))
        return (
            f"is a wheel for {built_for}, this platform is {here[0]}",
            "build it for this Python and this platform, or as pure Python (py3-none-any)",
        )
    return None

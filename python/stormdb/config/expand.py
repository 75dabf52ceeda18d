"""`${VAR}` and `${VAR:-default}` in the values of a file; `$${` stands for `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stormdb.config.problems import nearest

__all__ = ["ExpandError", "expand"]

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-((?:(?!\$\{).)*))?", re.DOTALL)


class ExpandError(Exception):
    """A reference that cannot be filled in."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Fill in environment variables, once: what they hold is not looked at again.

    The default counts if the variable is unset or empty, as in a shell.

    Raises:
        ExpandError: a variable is not set, or a reference is malformed.
    """

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        inside = _INSIDE.fullmatch(match[1])
        if not match[2] or not inside:
            raise ExpandError(
                f"{match[0]!r} is not a reference to a variable",
                "write ${VAR} or ${VAR:-default}, or $${ for the characters themselves",
            )
        name, default = inside.groups()
        value = environ.get(name)
        if value or (value is not None and default is None):
            return value
        if default is not None:
            return default
        near = nearest(name, environ)
        raise ExpandError(
            f"the environment variable {name} is not set",
            (f"did you mean {near}? else " if near else "")
            + f"export it, or write ${{{name}:-default}}",
        )

    return _REFERENCE.sub(replace, text)

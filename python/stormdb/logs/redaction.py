"""What is a secret in a text, and how it is blotted out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

__all__ = ["MASK", "Redactor"]

MASK = "***"

_QUOTED = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\""
_URL = re.compile(r"(?i)(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:/?#@]*):(?P<secret>[^\s/?#]*)@")
# The word with any prefix (PGPASSWORD, sslpassword, database.password), as a key or as SQL.
_KEY = re.compile(
    r"(?i)(?P<before>\b[\w.]*(?:password|passwd|passphrase)[\"']?\s*(?:=>|:=|=|:)\s*)"
    rf"(?P<secret>{_QUOTED}|[^\s,;&)}}\]\"']+)",
)
_SQL = re.compile(rf"(?i)(?P<before>\bpassword\s+)(?P<secret>{_QUOTED})")
_SECRET_KEY = re.compile(r"(?i)password|passwd|passphrase|secret")
_SHORT = 6


class Redactor:
    """Replaces secrets by `***`: those that it was told, and what looks like one.

    A known secret shorter than 6 characters is replaced only where it stands as a word of its own:
    it would otherwise blot out half of every line and so give itself away.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        """Never let these values through again, in any form in which they are usually written."""
        for secret in filter(None, secrets):
            self._secrets |= {
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                repr(secret)[1:-1],
                json.dumps(secret)[1:-1],
                secret.replace("'", "''"),
            }
        # Longest first: a secret may contain another.
        parts = [
            re.escape(text) if len(text) >= _SHORT else rf"(?<!\w){re.escape(text)}(?!\w)"
            for text in sorted(self._secrets, key=len, reverse=True)
        ]
        self._known = re.compile("|".join(parts)) if parts else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _URL.sub(rf"\g<before>:{MASK}@", text)
        text = _SQL.sub(rf"\g<before>{MASK}", text)
        return _KEY.sub(rf"\g<before>{MASK}", text)

    def value(self, key: str, value: object) -> object:
        """A field of a structured record without secrets; numbers and truth values stay."""
        if _SECRET_KEY.search(key):
            return MASK
        if value is None or isinstance(value, bool | int | float):
            return value
        return self(str(value))

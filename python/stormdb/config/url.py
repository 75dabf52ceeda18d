"""Connection strings of libpq: `postgresql://…` and `host=… dbname=…`, as keys of `database`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from stormdb.config.problems import nearest

__all__ = ["UrlError", "parse_url"]

_KEYS = {
    "host": "host",
    "port": "port",
    "dbname": "dbname",
    "user": "username",
    "password": "password",
    **{
        name: name
        for name in (
            "passfile",
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
            "sslcrl",
            "connect_timeout",
            "application_name",
            "target_session_attrs",
            "options",
        )
    },
}
"""Key of `database` for each parameter."""

_URI = re.compile(
    r"postgres(?:ql)?://(?:(?P<userinfo>[^@/?]*)@)?(?P<hosts>[^/?]*)"
    r"(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(\d*))?")
_WORD = re.compile(
    r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?:\s+|$)", re.DOTALL
)


class UrlError(Exception):
    """A connection string that cannot be read; the message shows nothing of its password."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def parse_url(text: str) -> dict[str, str]:
    """The keys of `database` that a connection string spells out.

    Raises:
        UrlError: it is malformed, or has a parameter that stormdb does not know.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        pairs = list(_uri_pairs(text))
    else:
        pairs = list(_word_pairs(text))
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in _KEYS:
            near = nearest(name, _KEYS)
            raise UrlError(
                f"the parameter {name!r} is not known",
                f"did you mean {near}?" if near else f"allowed are {', '.join(_KEYS)}",
            )
        values[_KEYS[name]] = value
    return values


def _uri_pairs(text: str) -> Iterator[tuple[str, str]]:
    match = _URI.fullmatch(text)
    if not match:
        scheme = text.partition("://")[0]
        if scheme not in {"postgresql", "postgres"}:
            raise UrlError(f"{scheme!r} is not PostgreSQL", "write postgresql://host:port/dbname")
        raise UrlError(
            "the URL cannot be read", "write postgresql://user@host:port/dbname; %40 stands for @"
        )
    if "@" in match["hosts"] + (match["dbname"] or ""):
        # Nothing of the URL is shown: it is likely a part of the password.
        raise UrlError("the URL has more than one @", "write %40 for an @, %2F for a / in a name")
    if match["userinfo"] is not None:
        user, colon, password = match["userinfo"].partition(":")
        if user:
            yield "user", _decoded(user)
        if colon:
            yield "password", _decoded(password)
    if match["hosts"]:
        yield from _host_pairs(match["hosts"])
    if match["dbname"]:
        yield "dbname", _decoded(match["dbname"])
    for part in (match["query"] or "").split("&"):
        if part:
            name, equals, value = part.partition("=")
            if not equals:
                raise UrlError(f"the parameter {name!r} has no value", f"write {name}=value")
            yield _decoded(name), _decoded(value)


def _host_pairs(text: str) -> Iterator[tuple[str, str]]:
    hosts, ports = [], []
    for part in text.split(","):
        match = _HOST.fullmatch(part)
        if not match:
            raise UrlError(
                "host and port of the URL cannot be read",
                "write host:port, or [::1]:5432 for IPv6, after user:password@",
            )
        hosts.append(_decoded(match[1].strip("[]")))
        ports.append(match[2] or "")
    if any(hosts):
        yield "host", ",".join(hosts)
    if any(ports):
        yield "port", ",".join(port or "5432" for port in ports)


def _word_pairs(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        match = _WORD.match(text, at)
        if not match:
            raise UrlError(
                "neither a URL nor key=value pairs",
                "write postgresql://host:port/dbname, or host=… port=… dbname=…",
            )
        name, quoted, plain = match.groups()
        yield (
            name,
            re.sub(r"\\(.)", r"\1", quoted if quoted is not None else plain, flags=re.DOTALL),
        )
        at = match.end()


def _decoded(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise UrlError("a % is not followed by two digits", "write %25 for a % itself")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise UrlError("a %xx in the URL is not UTF-8", "encode the characters as UTF-8") from None

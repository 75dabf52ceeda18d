"""Connection strings of libpq: `postgresql://…` and `host=… dbname=…`, as keys of `database`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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
            "max_protocol_version",
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
    """A connection string with mistakes; no message shows anything of its password.

    Attributes:
        problems: (what is wrong, hint) of each mistake.
        parts: the keys that could be read nevertheless.
    """

    def __init__(self, *problems: tuple[str, str], parts: Mapping[str, str] | None = None) -> None:
        super().__init__(problems[0][0])
        self.problems = problems
        self.parts = parts or {}


def parse_url(text: str) -> dict[str, str]:
    """The keys of `database` that a connection string spells out.

    Raises:
        UrlError: it is malformed, or has a parameter that stormdb does not know.
    """
    is_uri = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text)
    pairs = _uri_pairs(text) if is_uri else _word_pairs(text)
    values: dict[str, str] = {}
    problems = []
    for name, value in pairs:
        if name not in _KEYS:
            near = nearest(name, _KEYS)
            hint = f"did you mean {near}?" if near else f"allowed are {', '.join(_KEYS)}"
            problems.append((f"the parameter {name!r} is not known", hint))
        elif value is None:
            problems.append((f"the parameter {name!r} has no value", f"write {name}=value"))
        else:
            values[_KEYS[name]] = value
    if problems:
        raise UrlError(*problems, parts=values)
    return values


def _uri_pairs(text: str) -> Iterator[tuple[str, str | None]]:
    """Names and values in their order; None for a parameter without a value."""
    match = _URI.fullmatch(text)
    if not match:
        scheme = text.partition("://")[0]
        if scheme not in {"postgresql", "postgres"}:
            hint = "write postgresql://host:port/dbname"
            raise UrlError((f"{scheme!r} is not PostgreSQL", hint))
        hint = "write postgresql://user@host:port/dbname; %40 stands for @"
        raise UrlError(("the URL cannot be read", hint))
    if "@" in match["hosts"] + (match["dbname"] or ""):
        # Nothing of the URL is shown: it is likely a part of the password.
        hint = "write %40 for an @, %2F for a / in a name"
        raise UrlError(("the URL has more than one @", hint))
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
            yield _decoded(name), _decoded(value) if equals else None


def _host_pairs(text: str) -> Iterator[tuple[str, str]]:
    hosts, ports = [], []
    for part in text.split(","):
        match = _HOST.fullmatch(part)
        if not match:
            hint = "write host:port, or [::1]:5432 for IPv6, after user:password@"
            raise UrlError(("host and port of the URL cannot be read", hint))
        hosts.append(_decoded(match[1].strip("[]")))
        ports.append(match[2] or "")
    if any(hosts):
        yield "host", ",".join(hosts)
    if any(ports):
        yield "port", ",".join(port or "5432" for port in ports)


def _word_pairs(text: str) -> Iterator[tuple[str, str | None]]:
    at = 0
    while at < len(text.rstrip()):
        match = _WORD.match(text, at)
        if not match:
            hint = "write postgresql://host:port/dbname, or host=… port=… dbname=…"
            raise UrlError(("neither a URL nor key=value pairs", hint))
        name, quoted, plain = match.groups()
        yield (
            name,
            re.sub(r"\\(.)", r"\1", quoted if quoted is not None else plain, flags=re.DOTALL),
        )
        at = match.end()


def _decoded(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise UrlError(("a % is not followed by two digits", "write %25 for a % itself"))
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        hint = "encode the characters as UTF-8"
        raise UrlError(("a %xx in the URL is not UTF-8", hint)) from None

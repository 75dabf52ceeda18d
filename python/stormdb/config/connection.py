"""From a `database` section to the server that it means, as libpq would complete it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stormdb.config.explain import explain
from stormdb.config.layers import Layer
from stormdb.config.models import DatabaseSettings
from stormdb.config.passfile import PasswordFileError, find_password
from stormdb.config.target import CONNECT_TIMEOUT_NS, ConnectTarget
from stormdb.config.url import UrlError, parse_url
from stormdb.errors import ConfigError

__all__ = ["PG_VARIABLES", "resolve_plugin_target", "resolve_target"]

PG_VARIABLES = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "username",
    "PGPASSWORD": "password",
    "PGPASSFILE": "passfile",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLCRL": "sslcrl",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGAPPNAME": "application_name",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGMAXPROTOCOLVERSION": "max_protocol_version",
    "PGOPTIONS": "options",
}
_UNUSED_VARIABLES = ("PGSERVICE", "PGHOSTADDR")


def resolve_target(
    database: DatabaseSettings,
    environ: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> ConnectTarget:
    """Complete a `database` section from PG… variables, the password file and libpq's defaults.

    Args:
        database: of type `postgres`.
        environ: the environment; None for the process's own.
        home: for `~/.pgpass` and `~/.postgresql`; None for the user's.

    Raises:
        ConfigError: a PG… variable has a value that its key refuses, no certificate is there to
            check the server's with, or no role is known.
    """
    environ, home = _surroundings(environ, home)
    given = _with_variables(database, environ)
    hosts = given.hosts or ("localhost",)
    user = given.username or _system_user()
    target = ConnectTarget(
        hosts=hosts,
        ports=_ports(hosts, given.ports or (5432,)),
        user=user,
        dbname=given.dbname or user,
        sslmode=given.sslmode or "prefer",
        sslrootcert=_file(given.sslrootcert, home / ".postgresql" / "root.crt"),
        sslcert=_file(given.sslcert, home / ".postgresql" / "postgresql.crt"),
        sslkey=_file(given.sslkey, home / ".postgresql" / "postgresql.key"),
        sslcrl=_file(given.sslcrl, home / ".postgresql" / "root.crl"),
        connect_timeout_ns=(
            CONNECT_TIMEOUT_NS if given.connect_timeout_ns is None else given.connect_timeout_ns
        ),
        application_name=given.application_name or "stormdb",
        target_session_attrs=given.target_session_attrs or "any",
        max_protocol_version=(given.max_protocol_version or "3.0").replace("latest", "3.2"),
        options=given.options or "",
    )
    if target.sslmode.startswith("verify") and not target.sslrootcert:
        raise ConfigError(
            f"{target.sslmode} needs the certificate of an authority to trust",
            where="database.sslrootcert",
            hint="name a file, or `system` for the authorities that this machine trusts",
        )
    notices = tuple(f"{name} has no effect" for name in _UNUSED_VARIABLES if environ.get(name))
    target = replace(target, notices=notices)
    if given.password:
        return replace(target, password=given.password.get_secret_value())
    return _with_password_file(target, given.passfile, home / ".pgpass")


def resolve_plugin_target(
    database: DatabaseSettings,
    target: ConnectTarget,
    environ: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> ConnectTarget:
    """How plugin code logs in to the same server: as `plugin_role`, with its own password.

    Args:
        database: of type `postgres`.
        target: what `resolve_target` gave for it; returned as it is if there is no such role.
        environ: the environment; None for the process's own.
        home: for `~/.pgpass`; None for the user's.
    """
    if database.plugin_role is None:
        return target
    environ, home = _surroundings(environ, home)
    # A client certificate is the other role's.
    bare = replace(
        target, user=database.plugin_role, password=None, sslcert="", sslkey="", notices=()
    )
    if database.plugin_password:
        return replace(bare, password=database.plugin_password.get_secret_value())
    given = database.passfile or environ.get("PGPASSFILE")
    return _with_password_file(bare, given, home / ".pgpass")


def _surroundings(
    environ: Mapping[str, str] | None, home: Path | None
) -> tuple[Mapping[str, str], Path]:
    environ = os.environ if environ is None else environ
    return environ, home or Path(environ.get("HOME") or Path("~").expanduser())


def _with_password_file(target: ConnectTarget, given: str | None, usual: Path) -> ConnectTarget:
    passfile = Path(given).expanduser() if given else usual
    try:
        password = find_password(
            passfile,
            hosts=target.hosts,
            ports=target.ports,
            dbname=target.dbname,
            user=target.user,
        )
    except PasswordFileError as error:
        return replace(target, notices=(*target.notices, f"{passfile} is not used: {error}"))
    if given and not passfile.exists():
        return replace(target, notices=(*target.notices, f"{passfile} is not there"))
    return replace(target, password=password)


def _ports(hosts: tuple[str, ...], ports: tuple[int, ...]) -> tuple[int, ...]:
    if len(ports) not in {1, len(hosts)}:
        raise ConfigError(
            f"{len(ports)} ports for {len(hosts)} host{'' if len(hosts) == 1 else 's'}",
            where="database.port",
            hint="give one port for all hosts, or one for each; PGPORT counts too",
        )
    return ports * len(hosts) if len(ports) == 1 else ports


def _with_variables(database: DatabaseSettings, environ: Mapping[str, str]) -> DatabaseSettings:
    """Spell out the URL, then fill the keys that are not given from PG… variables."""
    layers = [database]
    if database.url:
        layers.append(_section(_url_parts(database.url.get_secret_value()), {}))
    variables = {key: environ[name] for name, key in PG_VARIABLES.items() if environ.get(name)}
    layers.append(_section(variables, {key: name for name, key in PG_VARIABLES.items()}))
    found: dict[str, Any] = {}
    for name in DatabaseSettings.model_fields.keys() - {"type", "settings"}:
        values = (getattr(layer, name) for layer in layers)
        # An empty text counts as not given, as in libpq; a timeout of 0 is one.
        found[name] = next((value for value in values if value or value == 0), None)
    return database.model_copy(update=found)


def _url_parts(url: str) -> dict[str, str]:
    try:
        return parse_url(url)
    except UrlError as error:
        message, hint = error.problems[0]
        raise ConfigError(message, where="database.url", hint=hint) from None


def _section(values: Mapping[str, Any], variables: Mapping[str, str]) -> DatabaseSettings:
    """Keys of `database`, checked; an error names the variable that a key came from."""
    try:
        return DatabaseSettings.model_validate(dict(values))
    except ValidationError as error:
        first = explain(error, Layer())[0]
    key = first.key.partition("[")[0]
    where = variables.get(key, f"database.{key}")
    raise ConfigError(first.message, where=where, hint=first.hint)


def _file(given: str | None, default: Path) -> str:
    """A file that was named, or libpq's usual one if it is there."""
    if given == "system":
        return given
    if given:
        return str(Path(given).expanduser().absolute())
    return str(default) if default.is_file() else ""


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError(
            "no role to log in as is given, and the system knows no name of this user",
            where="database.username",
            hint="set database.username or PGUSER",
        ) from None

"""`ConnectTarget`: how to reach a server, complete, in the form that each user of it needs."""

from __future__ import annotations

import getpass
import os
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from pydantic import ValidationError

from stormdb.config.explain import explain
from stormdb.config.layers import Layer
from stormdb.config.models import DatabaseSettings
from stormdb.config.passfile import PasswordFileError, find_password
from stormdb.config.url import UrlError, parse_url
from stormdb.errors import ConfigError

__all__ = ["ConnectTarget", "resolve_target"]

_PG_VARIABLES = {
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
    "PGOPTIONS": "options",
}
_CONNECT_TIMEOUT_NS = 10 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectTarget:
    """A server and how to log in to it.

    Attributes:
        hosts: names, addresses or socket folders, tried in order.
        ports: one for each host.
        user: role.
        dbname: database.
        password: None if none is known; never shown.
        sslmode: as in libpq.
        sslrootcert: file of trusted authorities, `system`, or "".
        sslcert: file of the client certificate, or "".
        sslkey: file of its key, or "".
        sslcrl: file of revoked certificates, or "".
        connect_timeout_ns: limit for one connect; 0 for none.
        application_name: name in `pg_stat_activity`.
        target_session_attrs: which of several hosts will do.
        options: server options of each session, or "".
        notices: sentences for the user, such as a password file that was not used.
    """

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    user: str
    dbname: str
    password: str | None = field(default=None, repr=False)
    sslmode: str = "prefer"
    sslrootcert: str = ""
    sslcert: str = ""
    sslkey: str = ""
    sslcrl: str = ""
    connect_timeout_ns: int = _CONNECT_TIMEOUT_NS
    application_name: str = "stormdb"
    target_session_attrs: str = "any"
    options: str = ""
    notices: tuple[str, ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """The server for people: `db.example:5432/shop`."""
        hosts = (
            f"{'[' + host + ']' if ':' in host else host}:{port}"
            for host, port in zip(self.hosts, self.ports, strict=True)
        )
        return f"{','.join(hosts)}/{self.dbname}"

    def to_wire(self) -> dict[str, Any]:
        """All of it, the password too, for the pipe to a child process."""
        return asdict(self)

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        """What `to_wire` gave."""
        known = {item.name for item in fields(cls)}
        return cls(
            **{k: tuple(v) if isinstance(v, list) else v for k, v in wire.items() if k in known}
        )

    def asyncpg_arguments(self) -> dict[str, Any]:
        """Arguments for `asyncpg.connect` and `asyncpg.create_pool`.

        Raises:
            ConfigError: a certificate file cannot be read.
        """
        settings = {"application_name": self.application_name}
        if self.options:
            settings["options"] = self.options
        arguments: dict[str, Any] = {
            "host": list(self.hosts),
            "port": list(self.ports),
            "user": self.user,
            # "" keeps asyncpg from looking for a password in places of its own.
            "password": self.password or "",
            "database": self.dbname,
            "ssl": self._tls(),
            "target_session_attrs": self.target_session_attrs,
            "server_settings": settings,
            "timeout": self.connect_timeout_ns / 1e9 if self.connect_timeout_ns else None,
        }
        if self.sslcert and self.sslmode in {"allow", "prefer"}:
            # The one way to give asyncpg a client certificate together with these modes.
            files = {"sslcert": self.sslcert, "sslkey": self.sslkey or self.sslcert}
            arguments["dsn"] = f"postgresql:///?{urlencode(files)}"
        return arguments

    def libpq_environment(self) -> dict[str, str]:
        """Variables with which psql and its like reach the same server."""
        values = {
            "PGHOST": ",".join(self.hosts),
            "PGPORT": ",".join(map(str, self.ports)),
            "PGUSER": self.user,
            "PGDATABASE": self.dbname,
            "PGPASSWORD": self.password or "",
            "PGSSLMODE": self.sslmode,
            "PGSSLROOTCERT": self.sslrootcert,
            "PGSSLCERT": self.sslcert,
            "PGSSLKEY": self.sslkey,
            "PGSSLCRL": self.sslcrl,
            "PGAPPNAME": self.application_name,
            "PGTARGETSESSIONATTRS": self.target_session_attrs,
            "PGOPTIONS": self.options,
        }
        return {name: value for name, value in values.items() if value}

    def _tls(self) -> ssl.SSLContext | str | bool:
        """TLS as asyncpg takes it.

        `allow` and `prefer` are asyncpg's business, because they may need two attempts.
        """
        if self.sslmode in {"disable", "allow", "prefer"}:
            return False if self.sslmode == "disable" else self.sslmode
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.sslmode == "verify-full"
        if ssl.HAS_ALPN:
            context.set_alpn_protocols(["postgresql"])
        if self.sslrootcert == "system":
            context.load_default_certs()
        elif self.sslrootcert:
            _load("sslrootcert", self.sslrootcert, context.load_verify_locations)
        else:
            context.verify_mode = ssl.CERT_NONE
        if self.sslcrl:
            _load("sslcrl", self.sslcrl, context.load_verify_locations)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if self.sslcert:
            key = self.sslkey or None
            _load("sslcert", self.sslcert, lambda file: context.load_cert_chain(file, key, ""))
        return context


def _load(key: str, file: str, read: Any) -> None:
    try:
        read(file)
    except ssl.SSLError as error:
        raise ConfigError(
            f"{file} holds no usable certificate: {error.reason or error}",
            where=f"database.{key}",
            hint="name a file in PEM form",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {(error.strerror or str(error)).lower()}",
            where=f"database.{key}",
            hint="check the path and its permissions",
        ) from None


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
        ConfigError: a PG… variable has a value that its key refuses, or no user is known.
    """
    environ = os.environ if environ is None else environ
    home = _home(environ) if home is None else home
    database = _with_variables(database, environ)
    notices: list[str] = []
    hosts = database.hosts or ("localhost",)
    ports = database.ports or (5432,)
    ports = ports * len(hosts) if len(ports) == 1 else ports
    user = database.username or _system_user()
    dbname = database.dbname or user
    password = database.password.get_secret_value() if database.password else None
    if password is None:
        passfile = Path(database.passfile) if database.passfile else home / ".pgpass"
        try:
            password = find_password(passfile, hosts=hosts, ports=ports, dbname=dbname, user=user)
        except PasswordFileError as error:
            notices.append(f"{passfile} is not used: {error}; hint: chmod 0600 {passfile}")
    sslmode = database.sslmode or "prefer"
    rootcert = database.sslrootcert or _existing(home / ".postgresql" / "root.crt")
    if sslmode.startswith("verify") and not rootcert:
        raise ConfigError(
            f"{sslmode} needs the certificate of an authority to trust",
            where="database.sslrootcert",
            hint="name a file, or `system` for the authorities that this machine trusts",
        )
    timeout_ns = database.connect_timeout_ns
    return ConnectTarget(
        hosts=hosts,
        ports=ports,
        user=user,
        dbname=dbname,
        password=password,
        sslmode=sslmode,
        sslrootcert=rootcert,
        sslcert=database.sslcert or _existing(home / ".postgresql" / "postgresql.crt"),
        sslkey=database.sslkey or _existing(home / ".postgresql" / "postgresql.key"),
        sslcrl=database.sslcrl or _existing(home / ".postgresql" / "root.crl"),
        connect_timeout_ns=_CONNECT_TIMEOUT_NS if timeout_ns is None else timeout_ns,
        application_name=database.application_name or "stormdb",
        target_session_attrs=database.target_session_attrs or "any",
        options=database.options or "",
        notices=tuple(notices),
    )


def _with_variables(database: DatabaseSettings, environ: Mapping[str, str]) -> DatabaseSettings:
    """Spell out the URL, then fill the keys that are not given from PG… variables."""
    raw = {key: environ[name] for name, key in _PG_VARIABLES.items() if environ.get(name)}
    layers = [database, _section(raw, {key: name for name, key in _PG_VARIABLES.items()})]
    if database.url:
        try:
            parts = parse_url(database.url.get_secret_value())
        except UrlError as error:
            raise ConfigError(error.message, where="database.url", hint=error.hint) from None
        layers.insert(1, _section(parts, {}))
    given = {}
    for name in DatabaseSettings.model_fields.keys() - {"type", "settings"}:
        values = (getattr(layer, name) for layer in layers)
        given[name] = next((value for value in values if value is not None), None)
    return database.model_copy(update=given)


def _section(values: Mapping[str, Any], names: Mapping[str, str]) -> DatabaseSettings:
    """Keys of `database`, checked; an error names the variable that a key came from."""
    try:
        return DatabaseSettings.model_validate(dict(values))
    except ValidationError as error:
        problems = explain(error, Layer())
        key = problems[0].key
        raise ConfigError(
            problems[0].message, where=names.get(key, f"database.{key}"), hint=problems[0].hint
        ) from None


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path("~").expanduser()


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError(
            "no role to log in as is given, and the system knows no name of this user",
            where="database.username",
            hint="set database.username or PGUSER",
        ) from None


def _existing(path: Path) -> str:
    return str(path) if path.is_file() else ""

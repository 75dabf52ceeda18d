"""`ConnectTarget`: how to reach a server, complete, in the form that each user of it needs."""

from __future__ import annotations

import getpass
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
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

__all__ = ["PG_VARIABLES", "ConnectTarget", "resolve_target"]

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
_CONNECT_TIMEOUT_NS = 10_000_000_000
_STRICT = ("require", "verify-ca", "verify-full")


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
        max_protocol_version: protocol that the native executor asks for, `3.0` or `3.2`.
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
    max_protocol_version: str = "3.0"
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
        tuples: dict[str, Any] = {k: tuple(v) for k, v in wire.items() if isinstance(v, list)}
        return cls(**{**wire, **tuples})

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
        if self.sslcert and self.sslmode != "disable" and self.sslmode not in _STRICT:
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
            "PGMAXPROTOCOLVERSION": self.max_protocol_version,
            "PGOPTIONS": self.options,
            "PGCONNECT_TIMEOUT": str(-(-self.connect_timeout_ns // 10**9)),
        }
        return {name: value for name, value in values.items() if value}

    def _tls(self) -> ssl.SSLContext | str | bool:
        """TLS as asyncpg takes it; `allow` and `prefer` are its own business: they may try twice.

        All files are read here in any case, so that a bad one is an error that names it.
        """
        if self.sslmode == "disable":
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.sslmode == "verify-full"
        if ssl.HAS_ALPN:
            context.set_alpn_protocols(["postgresql"])
        if self.sslrootcert == "system":
            context.load_default_certs()
        elif self.sslrootcert:
            _load("sslrootcert", context.load_verify_locations, self.sslrootcert)
        else:
            context.verify_mode = ssl.CERT_NONE
        if self.sslcrl:
            _load("sslcrl", context.load_verify_locations, self.sslcrl)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if self.sslcert:

            def load_pair(certificate: str, key: str) -> None:
                # An empty pass phrase: OpenSSL would ask for one at the terminal.
                context.load_cert_chain(certificate, key, "")

            _load("sslcert", load_pair, self.sslcert, self.sslkey or self.sslcert)
        return context if self.sslmode in _STRICT else self.sslmode


def _load(key: str, read: Callable[..., object], *files: str) -> None:
    """Let OpenSSL read certificate files; its errors do not say which one is to blame."""
    for name, file in zip((key, "sslkey"), files, strict=False):
        try:
            Path(file).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{file} cannot be read: {(error.strerror or str(error)).lower()}",
                where=f"database.{name}",
                hint="check the path and its permissions",
            ) from None
    try:
        read(*files)
    except ssl.SSLError as error:
        raise ConfigError(
            f"no usable certificate is in {' with '.join(files)}: "
            f"{(error.reason or str(error)).lower().replace('_', ' ')}",
            where=f"database.{key}",
            hint="name files in PEM form, a key without pass phrase that fits its certificate",
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
        ConfigError: a PG… variable has a value that its key refuses, no certificate is there to
            check the server's with, or no role is known.
    """
    environ = os.environ if environ is None else environ
    if home is None:
        home = Path(environ.get("HOME") or Path("~").expanduser())
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
            _CONNECT_TIMEOUT_NS if given.connect_timeout_ns is None else given.connect_timeout_ns
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

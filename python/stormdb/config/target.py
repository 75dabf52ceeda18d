"""`ConnectTarget`: how to reach a server, complete, in the form that each user of it needs.

Every process of a plugin has one: to import it must not cost what reading a configuration does.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from stormdb.errors import ConfigError

__all__ = ["CONNECT_TIMEOUT_NS", "ConnectTarget"]

CONNECT_TIMEOUT_NS = 10_000_000_000
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
    connect_timeout_ns: int = CONNECT_TIMEOUT_NS
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

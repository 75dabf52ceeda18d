"""The controller's own connection, and what it says when there is none."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import TYPE_CHECKING

from stormdb.errors import ConnectError
from stormdb.logs import sql_tracer
from stormdb.units import format_duration

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import ConnectTarget

__all__ = ["close", "connect"]

_OLDEST_MAJOR = 12
_HINTS = {
    "3D000": "create it with `createdb`, or name another one with --dbname or database.dbname",
    "28000": "check --username, and the server's pg_hba.conf for this host, role and database",
    "53300": "raise max_connections, or wait until other clients have left",
    "57P03": "wait until the server is ready, then run again",
}


async def connect(
    target: ConnectTarget, *, search_path: str | None = "pg_catalog"
) -> asyncpg.Connection:
    """Open a connection to a server that stormdb can measure.

    Args:
        target: the server.
        search_path: where names without a schema are looked up; None for the role's own. By
            default a function or an operator that somebody else put into `public` is never found
            instead of the server's, whatever `database.options` says.

    Raises:
        ConnectError: there is none, it refuses, or it is too old.
        ConfigError: a certificate file cannot be read.
    """
    import asyncpg

    try:
        arguments = target.asyncpg_arguments()
        if search_path is not None:
            arguments["server_settings"]["search_path"] = search_path
        connection: asyncpg.Connection = await asyncpg.connect(**arguments)
    except asyncpg.PostgresError as error:
        raise _refusal(error, target) from error
    except ssl.SSLError as error:
        raise _tls_failure(error, target) from error
    except OSError as error:
        raise _no_connection(error, target) from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise ConnectError(
            str(error).rstrip("."), where=target.label, hint="check the database section"
        ) from error
    if trace := sql_tracer():
        connection.add_query_logger(trace)
    version = connection.get_server_version()
    if version.major < _OLDEST_MAJOR:
        await close(connection)
        raise ConnectError(
            f"the server is PostgreSQL {version.major}, stormdb needs {_OLDEST_MAJOR} or newer",
            where=target.label,
            hint="run against a newer server",
        )
    return connection


async def close(connection: asyncpg.Connection) -> None:
    """Close a connection to a server that may be gone or hang."""
    import asyncpg

    try:
        await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


def _refusal(error: asyncpg.PostgresError, target: ConnectTarget) -> ConnectError:
    state = error.sqlstate or ""
    hint = _HINTS.get(state)
    if state == "28P01":
        known = "check the password" if target.password else "no password is known: give it"
        hint = f"{known} in PGPASSWORD, ~/.pgpass or as ${{VAR}} in database.password"
        # Such as a password file that was passed over: --quiet does not tell it.
        hint = "; ".join((hint, *target.notices))
    elif state == "42501":
        hint = f"ask for the right to connect: GRANT CONNECT ON DATABASE {target.dbname} "
        hint += f"TO {target.user}"
    return ConnectError(
        f"the server refused user {target.user!r}: {str(error).partition(chr(10))[0]} ({state})",
        where=target.label,
        hint=hint or "the server's log says more",
    )


def _tls_failure(error: ssl.SSLError, target: ConnectTarget) -> ConnectError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectError(
            f"the server's certificate cannot be trusted: {error.verify_message.rstrip('.')}",
            where=target.label,
            hint="name its authority in database.sslrootcert, and the host as the certificate does",
        )
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return ConnectError(
        f"no TLS connection could be made: {reason}",
        where=target.label,
        hint="check database.sslcert and database.sslkey; the server's log says more",
    )


def _no_connection(error: OSError, target: ConnectTarget) -> ConnectError:
    is_socket = target.hosts[0].startswith("/")
    if isinstance(error, socket.gaierror):
        message, hint = f"no address is known for the host: {error.strerror}", "check its name"
    elif isinstance(error, TimeoutError):
        limit = format_duration(target.connect_timeout_ns)
        message = f"no answer within {limit}"
        hint = "check host and port, and firewalls on the way, or raise database.connect_timeout"
    elif "rejected SSL upgrade" in str(error):
        message = "the server does not offer TLS"
        hint = "set database.sslmode to prefer or disable, or ssl = on in postgresql.conf"
    elif isinstance(error, FileNotFoundError) and is_socket:
        message = "no server listens on a socket in this folder with this port"
        hint = "start the server, or check database.host against its unix_socket_directories"
    elif isinstance(error, ConnectionRefusedError):
        message = "nothing listens there"
        hint = "start the server, or check host and port; without a database section stormdb "
        hint += "starts a server of its own"
    elif isinstance(error, ConnectionError):
        message = "the other side hung up before it answered"
        hint = "check that a PostgreSQL server listens on this port"
    else:
        name = errno.errorcode.get(error.errno or 0, "")
        message = f"{(error.strerror or str(error)).lower()} {name}".strip()
        hint = "check host and port"
    return ConnectError(message, where=target.label, hint=hint)

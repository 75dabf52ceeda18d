"""Targets for programs that use libpq."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb.config import ConnectTarget


def libpq_environment(target: ConnectTarget) -> dict[str, str]:
    """Variables with which psql and its like reach the same server."""
    values = {
        "PGHOST": ",".join(target.hosts),
        "PGPORT": ",".join(map(str, target.ports)),
        "PGUSER": target.user,
        "PGDATABASE": target.dbname,
        "PGPASSWORD": target.password or "",
        "PGSSLMODE": target.sslmode,
        "PGSSLROOTCERT": target.sslrootcert,
        "PGSSLCERT": target.sslcert,
        "PGSSLKEY": target.sslkey,
        "PGSSLCRL": target.sslcrl,
        "PGAPPNAME": target.application_name,
        "PGTARGETSESSIONATTRS": target.target_session_attrs,
        "PGMAXPROTOCOLVERSION": target.max_protocol_version,
        "PGOPTIONS": target.options,
        "PGCONNECT_TIMEOUT": str(-(-target.connect_timeout_ns // 10**9)),
    }
    return {name: value for name, value in values.items() if value}

"""What a report says about the server and the machine that made the load."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from stormdb.results import ServerInfo

if TYPE_CHECKING:
    import asyncpg

    from stormdb.config import ConnectTarget

__all__ = ["generator_facts", "server_facts"]

# Those that change what a load test measures; the ones that a server does not know are left out.
_SETTINGS = (
    "autovacuum",
    "checkpoint_completion_target",
    "checkpoint_timeout",
    "data_checksums",
    "default_transaction_isolation",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "huge_pages",
    "io_method",
    "jit",
    "max_connections",
    "max_parallel_workers_per_gather",
    "max_wal_size",
    "random_page_cost",
    "shared_buffers",
    "shared_preload_libraries",
    "synchronous_commit",
    "synchronous_standby_names",
    "track_io_timing",
    "wal_compression",
    "wal_level",
    "work_mem",
)


async def server_facts(
    connection: asyncpg.Connection, target: ConnectTarget, *, is_embedded: bool
) -> ServerInfo:
    """Ask the server about itself.

    Args:
        connection: to the server.
        target: how it was reached.
        is_embedded: whether stormdb started it for this run.
    """
    settings = await connection.fetch(
        "SELECT name, pg_catalog.current_setting(name) AS value FROM pg_catalog.pg_settings"
        " WHERE name = ANY($1) ORDER BY name",
        _SETTINGS,
    )
    facts = await connection.fetchrow(
        "SELECT current_setting('server_version') AS version,"
        " current_setting('server_version_num')::int AS version_num,"
        " (SELECT concat_ws(', ', ssl.version, ssl.cipher) FROM pg_catalog.pg_stat_ssl AS ssl"
        " WHERE pid = pg_backend_pid() AND ssl.ssl) AS tls"
    )
    assert facts is not None
    return ServerInfo(
        # Packagers append their own words: `15.14 (Debian 15.14-0+deb12u1)`.
        version=facts["version"].split(" ")[0],
        version_num=facts["version_num"],
        host=",".join(target.hosts),
        port=target.ports[0],
        dbname=target.dbname,
        embedded=is_embedded,
        tls=facts["tls"] or "",
        settings={row["name"]: row["value"] for row in settings},
    )


def generator_facts() -> dict[str, str | int]:
    """The machine that makes the load."""
    return {
        "stormdb": version("stormdb"),
        "python": platform.python_version(),
        "asyncpg": version("asyncpg"),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1,
    }

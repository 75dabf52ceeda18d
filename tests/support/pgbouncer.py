"""pgbouncer in transaction mode in front of a test's database, where it is installed.

`PGBOUNCER` names another program than the one that is found, such as a newer version.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.conftest import Database
from tests.support.ports import free_port

__all__ = ["POOL_SIZE", "PROGRAM", "knows_prepared_statements", "pooling"]

PROGRAM = os.environ.get("PGBOUNCER") or shutil.which(
    "pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin"
)
POOL_SIZE = 2


def knows_prepared_statements() -> bool:
    """Whether there is a pgbouncer that follows statements prepared by protocol, from 1.21 on."""
    if PROGRAM is None:
        return False
    told = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"PgBouncer (\d+)\.(\d+)", told.stdout)
    assert found, told.stdout
    return (int(found[1]), int(found[2])) >= (1, 21)


def _configuration(database: Database, port: int, search_path: str) -> str:
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": POOL_SIZE,
        "ignore_startup_parameters": "search_path",
    }
    if knows_prepared_statements():
        settings["max_prepared_statements"] = 100
    if os.geteuid() == 0:
        settings["user"] = "nobody"  # it does not run as root
    server = (
        f"host={database.host} port={database.port} user={database.user} "
        f"password={database.password} connect_query='SET search_path = {search_path}'"
    )
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["[databases]", f"* = {server}", "[pgbouncer]", *lines, ""])


@contextmanager
def pooling(database: Database, search_path: str = "public") -> Iterator[Database]:
    """The database, reached through a pooler that has `POOL_SIZE` sessions of its own."""
    assert PROGRAM is not None
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/var/tmp"))
    folder.chmod(0o755)
    file, log = folder / "pgbouncer.ini", folder / "log"
    port = free_port()
    file.write_text(_configuration(database, port, search_path))
    with log.open("wb") as output:
        process = subprocess.Popen([PROGRAM, "-q", file], stdout=output, stderr=output)
    try:
        _await(port, process, log)
        yield replace(database, host="127.0.0.1", port=port, password="")
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(1000):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError("the pooler does not listen")

"""The environment that the examples run in: a throw-away one, layered over the project's own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from stormdb.server import EmbeddedServer

COMMAND = """\
import subprocess, sys

main = "import sys; from stormdb.cli import main; sys.argv[0] = 'stormdb'; sys.exit(main())"
child = subprocess.Popen([sys.executable, "-c", main, *sys.argv[1:]], stderr=subprocess.PIPE)
is_busy = False
for line in child.stderr:
    is_busy |= b"the numbers show the generator" in line
    sys.stderr.buffer.write(line)
    sys.stderr.flush()
# Other tests may take the machine's time; that a run found it out is no fault of the example.
status = child.wait()
sys.exit(0 if status == 5 and is_busy else status)
"""


def make_environment(folder: Path) -> dict[str, str]:
    """Make a virtual environment in which a page may install what it wants.

    It sees all that the project's environment holds, stormdb among it, and changes none of it.

    Returns:
        The variables of a shell in which that environment is active.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    own_packages = sysconfig.get_path("purelib")
    packages = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    Path(packages, "project.pth").write_text(
        f"import site; site.addsitedir({own_packages!r})\n", encoding="utf-8"
    )
    command = folder / "bin" / "stormdb"
    command.write_text(f"#!{folder}/bin/python\n{COMMAND}", encoding="utf-8")
    command.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    tools = Path(sys.executable).parent
    return {
        "PATH": f"{folder / 'bin'}:{tools}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(folder),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "100",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        # A page shows runs of a minute; what it claims about them holds for a second as well.
        "STORMDB_DURATION": "1s",
        "STORMDB_WARM_UP": "0s",
    }


@contextmanager
def start_server(named: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Start the server that a page names, on a port that is free on this machine.

    Args:
        named: host, port, dbname, username and password as the page has them.

    Yields:
        What to write instead of what the page says: the port.
    """
    with EmbeddedServer(dbname=named["dbname"], superuser=named["username"]) as server:
        asyncio.run(_set_password(server, named["password"]))
        yield {named["port"]: str(server.port)}


async def _set_password(server: EmbeddedServer, password: str) -> None:
    connection = await asyncpg.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=server.dbname,
    )
    quoted = await connection.fetchval("SELECT quote_literal($1)", password)
    await connection.execute(f"ALTER ROLE CURRENT_USER PASSWORD {quoted}")
    await connection.close()

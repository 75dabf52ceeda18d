"""Runs uv, which makes environments, gets packages and builds wheels."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from stormdb.errors import PluginError

__all__ = ["find_uv", "packages_from", "run_uv"]

# What belongs to stormdb's own environment or to the server is nothing to uv.
_FOREIGN = re.compile(r"^(PG|STORMDB_|VIRTUAL_ENV$|PYTHONPATH$|PYTHONHOME$|CONDA_PREFIX$)")
_NO_NETWORK = re.compile(
    r"error sending request|dns error|failed to fetch|network|timed? ?out|connection", re.IGNORECASE
)
_FRAME_CHARS = " \t×╰╭─▶│├┬·"  # noqa: RUF001 - what uv draws around its sentences


def find_uv() -> str:
    """The program: the one that was installed with stormdb, or another on the search path.

    Raises:
        PluginError: there is none.
    """
    beside = str(Path(sys.executable).parent)
    program = shutil.which("uv", path=os.pathsep.join([beside, os.environ.get("PATH", "")]))
    if program is None:
        raise PluginError(
            "there is no uv, which gets the packages of plugins",
            hint="install stormdb again with its dependencies, or put uv on the search path",
        )
    return program


def packages_from(wheels: str) -> list[str]:
    """Flags that say where packages come from.

    Args:
        wheels: a folder that holds them, and nothing else counts; "" for uv's own settings: a
            package index.
    """
    return ["--no-index", "--find-links", wheels] if wheels else []


async def run_uv(
    *arguments: str,
    what: str,
    where: str | None = None,
    stdin: str = "",
    variables: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Run uv to its end and return what it printed; a cancelled call ends it.

    Args:
        arguments: its command line.
        what: what it is run for; begins the message of an error.
        where: the plugin's place, for the message.
        stdin: what it reads.
        variables: put into its environment.

    Raises:
        PluginError: it failed; tells in its words why.
    """
    environ = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    process = await asyncio.create_subprocess_exec(
        find_uv(),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ | {"NO_COLOR": "1", "UV_NO_PROGRESS": "1", **variables},
    )
    try:
        stdout, stderr = await process.communicate(stdin.encode())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise _error(stderr.decode(errors="replace"), what, where, arguments)
    return stdout.decode()


def _error(stderr: str, what: str, where: str | None, arguments: tuple[str, ...]) -> PluginError:
    lines = (line.strip(_FRAME_CHARS) for line in stderr.splitlines())
    said = " ".join(line for line in lines if line and not line.startswith("Using "))
    said = said.removeprefix("error: ").rstrip(".") or "uv says nothing"
    if "--no-index" in arguments:
        folder = arguments[arguments.index("--find-links") + 1]
        hint = f"packages come from {folder} alone (plugins.wheels): put the missing wheels there"
    elif _NO_NETWORK.search(said) or "UV_OFFLINE" in os.environ:
        hint = "reach a package index, or name a folder that holds the wheels as plugins.wheels"
    else:
        hint = "change what the plugin declares in its dependencies or requires-python"
    return PluginError(f"{what}: {said}", where=where, hint=hint)

"""Runs the `stormdb` command as a user would, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import Database

PROBE = Path(__file__).parent / "plugins" / "probe.py"
COMMAND = Path(sys.executable).with_name("stormdb")
LIMIT_S = 60


@dataclass(kw_only=True)
class Command:
    """The command, with a folder and an environment of its own.

    Attributes:
        folder: working directory and home.
        database: the server that `probe` names; None for one that stormdb starts.
        environment: more variables.
    """

    folder: Path
    database: Database | None = None
    environment: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self, *words: str, **options: object) -> subprocess.Popen[str]:
        """Start `stormdb words…`; what it leaves behind can be found by its mark."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment = {
            **kept,
            "HOME": str(self.folder),
            "TEST_MARK": self.mark,
            **({"PGPASSWORD": self.database.password} if self.database else {}),
            **self.environment,
        }
        files: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen(
            [COMMAND, *words], cwd=self.folder, env=environment, text=True, **files
        )

    def __call__(self, *words: str) -> Ended:
        """Run `stormdb words…` to its end."""
        return ended(self.start(*words))

    def server(self) -> list[str]:
        """Flags that name the database."""
        assert self.database
        return [
            *("--host", self.database.host, "--port", str(self.database.port)),
            *("--username", self.database.user, "--dbname", self.database.dbname),
        ]

    def probe(self, *words: str, **behaviour: str) -> list[str]:
        """Words that run the probe for half a second on the database."""
        server = self.server() if self.database else []
        options = [
            word
            for name, value in behaviour.items()
            for word in ("--set", f"workload_config.{name}={value}")
        ]
        return ["run", "probe", "--plugin", str(PROBE), "-d", "500ms", *server, *options, *words]

    def left_behind(self) -> list[str]:
        """Processes that the command started and that are still there; a moment is granted."""
        deadline = time.monotonic() + 5
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [line for _, line in found]

    def processes(self) -> list[tuple[int, str]]:
        """Id and command line of each process that the command started."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (process / "environ").read_bytes():
                    line = (process / "cmdline").read_text().replace("\0", " ")
                    found.append((int(process.name), line))
            except OSError:
                continue
        return found


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def ended(process: subprocess.Popen[str], limit_s: float = LIMIT_S) -> Ended:
    """Wait for the end of a command."""
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ended(code=process.returncode, out=out, err=err)


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read standard error up to a line with this text; the result is what was read."""
    assert process.stderr
    read = ""
    for line in process.stderr:
        read += line
        if text in line:
            return read
    raise AssertionError(f"{text!r} did not come:\n{read}")

"""What `stormdb plugins check` reads in a plugin's source, as a user sees it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from stormdb.errors import ExitCode
from tests.it.plugins.conftest import FIXTURES


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("stormdb"), "plugins", "check", *words]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def test_a_flaw_is_told_to_people_and_to_programs(tmp_path: Path) -> None:
    plugin = shutil.copy(FIXTURES / "talker.py", tmp_path / "talker.py")
    source = plugin.read_text(encoding="utf-8")
    plugin.write_text(source.replace("  # stormdb: ok blocking-call", ""), encoding="utf-8")
    line = next(n for n, text in enumerate(source.splitlines(), 1) if "stormdb: ok" in text)

    done = check(tmp_path, "talker.py")
    assert done.returncode == ExitCode.WORKLOAD
    assert (
        f"  problem  blocking-call: talker.py:{line}: time.sleep() in setup() holds up every "
        "worker of its process; hint: await ctx.sleep(seconds)\n" in done.stdout
    )
    ((flaw,),) = (
        [step for step in one["checks"] if not step["ok"]]
        for one in json.loads(check(tmp_path, "talker.py", "--json").stdout)
    )
    assert (flaw["check"], flaw["file"], flaw["line"]) == ("blocking-call", str(plugin), line)
    assert flaw["problem"]["hint"] == "await ctx.sleep(seconds)"

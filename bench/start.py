"""What plugins cost before anything runs: listing 20 of them, and an environment of one's own.

CPU time of the command and of the processes that it started, the least of several: where CPUs are
free, wall time is hardly more, and what else runs on the machine does not count. The two commands
of a comparison take turns.

    python bench/start.py [--quick] [--json FILE] [--repeats 20]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

COMMAND = Path(sys.executable).with_name("stormdb")
PLUGINS = 20
LIST_AT_MOST_S = 0.4
ENVIRONMENT_AT_MOST_S = 0.2
PLUGIN = """\
# /// script
# requires-python = ">=3.11"
# dependencies = [{dependencies}]
#
# [tool.stormdb]
# name = "{name}"
# version = "1.0.0"
# workload_types = ["{name}"]
# ///
from stormdb.plugin import PluginMetadata, Workload, WorkloadPlugin


class Nothing(Workload):
    async def setup(self, ctx, db, cfg): ...
    async def run(self, ctx, db, cfg, metrics): ...


class Plugin(WorkloadPlugin):
    def get_metadata(self):
        return PluginMetadata(name="{name}", version="1.0.0", workload_types=["{name}"])

    def create_workload(self, workload_type):
        return Nothing()


PLUGIN = Plugin()
"""


def write_wheel(folder: Path) -> None:
    """A package without any code: what it takes is the environment's own."""
    folder.mkdir()
    about = "bench_nothing-1.0.dist-info"
    with zipfile.ZipFile(folder / "bench_nothing-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: bench-nothing\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(
            f"{about}/RECORD", f"{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
        )


def write_plugins(folder: Path, count: int, dependencies: str = "") -> None:
    folder.mkdir()
    for number in range(count):
        name = f"p{number}"
        text = PLUGIN.replace("{dependencies}", dependencies).replace("{name}", name)
        (folder / f"{name}.py").write_text(text)


def spent_s(folder: Path, words: Sequence[str]) -> tuple[float, float]:
    """CPU time and wall time of one command."""
    environ = os.environ | {"XDG_CACHE_HOME": f"{folder}/cache", "XDG_DATA_HOME": f"{folder}/data"}
    before, start_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([COMMAND, *words], cwd=folder, env=environ, check=True, capture_output=True)
    wall_s = time.perf_counter() - start_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall_s


def measure(folder: Path, commands: dict[str, Sequence[str]], repeats: int) -> dict[str, float]:
    """The least CPU time of each command, in seconds; prints it with the least wall time."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for words in commands.values():
        spent_s(folder, words)  # makes what is kept
    for _ in range(repeats):
        for name, words in commands.items():
            found[name].append(spent_s(folder, words))
    for name, times in found.items():
        cpu_s, wall_s = (min(column) for column in zip(*times, strict=True))
        print(f"{name}: {cpu_s:.3f} s of CPU, {wall_s:.3f} s of wall time")
    return {name: min(times)[0] for name, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="once each: does it work?")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stormdb-") as temporary:
        folder = Path(temporary)
        write_wheel(folder / "wheels")
        write_plugins(folder / "plugins", PLUGINS)
        write_plugins(folder / "needy", 1, '"bench-nothing"')
        (folder / "own.yaml").write_text(
            "plugins: {auto_load: false, files: [needy/p0.py], wheels: wheels}\n"
        )
        (folder / "none.yaml").write_text("plugins: {auto_load: false, files: [plugins/p0.py]}\n")
        least = measure(
            folder,
            {
                "stormdb --version": ["--version"],
                f"plugins list, {PLUGINS} plugins": ["plugins", "list"],
                "a plugin's start, without an environment": [
                    "plugins",
                    "info",
                    "p0",
                    "-c",
                    "none.yaml",
                ],
                "a plugin's start, in a cached environment": [
                    "plugins",
                    "info",
                    "p0",
                    "-c",
                    "own.yaml",
                ],
            },
            1 if args.quick else args.repeats,
        )
    _, list_s, without_s, with_s = least.values()
    rows = [
        {"what": f"plugins list, {PLUGINS} plugins", "s": list_s, "at_most_s": LIST_AT_MOST_S},
        {
            "what": "what a cached environment adds",
            "s": with_s - without_s,
            "at_most_s": ENVIRONMENT_AT_MOST_S,
        },
    ]
    for row in rows:
        reached = "reached" if row["s"] <= row["at_most_s"] else "MISSED"
        print(f"{row['what']}: {row['s']:.3f} s, at most {row['at_most_s']} s: {reached}")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        machine = {"cpus": os.cpu_count(), "platform": platform.platform()}
        args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()

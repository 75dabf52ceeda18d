"""Programs that are kept as files, which this side writes and the engine's tests read.

`NAME.msgpack` is the program, `NAME.json` the same to read. `evaluations.msgpack` is a program of
expressions, `evaluations.values.json` has them to read (`of`) with the value of each.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

from stormdb.plugin import Config
from stormdb.program import Program, compile_workload
from stormdb.program.encode import plain
from tests.unit.program.golden import evaluations

FOLDER = Path(__file__).parent
LINE_CHARS = 120


def programs() -> dict[str, Program]:
    """The programs by name."""
    config = Config(workload="golden", scale=3)
    # As a plugin in one file, so that places are short.
    spec = importlib.util.spec_from_file_location("workloads", FOLDER / "workloads.py")
    assert spec
    assert spec.loader
    workloads = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(workloads)
    return {
        "transfers": compile_workload(workloads.Transfers(), config),
        "everything": compile_workload(workloads.Everything(), config),
        "evaluations": evaluations.program(),
    }


def files() -> dict[str, bytes]:
    """What the files must hold, by name."""
    found = {}
    for name, program in programs().items():
        found[f"{name}.msgpack"] = program.bytes
        if name != "evaluations":
            found[f"{name}.json"] = f"{_pretty(plain(program))}\n".encode()
    outcomes = evaluations.outcomes(evaluations.program())
    found["evaluations.values.json"] = f"{_pretty(outcomes)}\n".encode()
    return found


def _pretty(value: Any, indent: str = "\n") -> str:
    """JSON that is broken into lines where it would be too long for one."""
    text = json.dumps(value, ensure_ascii=False, default=bytes.hex)
    if len(text) <= LINE_CHARS or not isinstance(value, dict | list):
        return text
    deeper = indent + " "
    if isinstance(value, list):
        items = [_pretty(item, deeper) for item in value]
        return f"[{deeper}{f',{deeper}'.join(items)}{indent}]"
    items = [f"{json.dumps(name)}: {_pretty(item, deeper)}" for name, item in value.items()]
    return f"{{{deeper}{f',{deeper}'.join(items)}{indent}}}"


def write() -> None:
    """Write all files anew."""
    for name, data in files().items():
        (FOLDER / name).write_bytes(data)

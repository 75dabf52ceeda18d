"""`stormdb explain` as a user types it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.errors import ExitCode
from stormdb.program import decode, encode
from tests.it.program.conftest import BANK

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

COMMAND = Path(sys.executable).with_name("stormdb")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with the plugin and a configuration."""
    shutil.copy(BANK, tmp_path)
    (tmp_path / "stormdb.yaml").write_text(
        "plugins:\n  files: [./bank.py]\nworkload: bank_both\nscale: 7\n"
        "workload_config:\n  reads: 2\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stormdb(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *words], check=False, capture_output=True, text=True, timeout=60
    )


def explained(*words: str) -> str:
    """The listing of a command that must succeed."""
    done = stormdb("explain", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub("sha256:[0-9a-f]{64}", "sha256:<digest>", done.stdout)


def test_a_configuration_file(snapshot: SnapshotAssertion) -> None:
    assert explained("stormdb.yaml") == snapshot


def test_flags_go_before_the_file() -> None:
    text = explained("-c", "stormdb.yaml", "--scale", "9", "--set", "workload_config.reads=5")
    assert "read: weight 5 of 5 (100 %)" in text
    assert "key := uniform 1 to 900" in text


def test_a_workload_type() -> None:
    assert explained("bank", "--plugin", "bank.py").startswith("bank: plugin bank 1.2\n1 transac")


def test_a_plugin_shows_each_workload_type_that_is_described() -> None:
    done = stormdb("explain", "./bank.py")
    assert done.returncode == ExitCode.WORKLOAD  # one of them is described badly
    assert re.match(r"stormdb: bank.py:\d+: plugin bank: \$2 has no value", done.stderr)
    shutil.copy(BANK, "good.py")
    source = Path("good.py").read_text().replace(', "bank_bad"]', "]")
    Path("good.py").write_text(source)
    text = explained("good.py")
    assert re.findall(r"^(\w+): plugin", text, re.MULTILINE) == ["bank", "bank_both"]


def test_one_type_of_a_plugin() -> None:
    assert explained("bank.py", "-w", "bank_both").startswith("bank_both: plugin bank 1.2\n")


def test_json_is_the_whole_program() -> None:
    done = stormdb("explain", "bank", "--plugin", "bank.py", "--json")
    (one,) = json.loads(done.stdout)
    assert (one["workload"], one["plugin"], one["version"]) == ("bank", "bank", "1.2")
    import msgpack

    program = decode(msgpack.packb(one["program"]))
    assert program.digest == one["digest"]
    assert encode(program) == program.bytes


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["bank_run", "--plugin", "bank.py"],
            ExitCode.WORKLOAD,
            "the workload Coroutine describes no transactions; hint: write methods with @transact",
        ),
        (["bank.py", "-w", "bank_rum"], ExitCode.WORKLOAD, "has no workload type bank_rum"),
        (["bank_bat", "--plugin", "bank.py"], ExitCode.WORKLOAD, "did you mean bank_bad or bank"),
        (["nowhere.yaml"], ExitCode.USAGE, "there is no file or folder nowhere.yaml"),
        ([], ExitCode.USAGE, "workload: the key is missing"),
        (
            ["stormdb.yaml", "--set", "workload_config.rads=1"],
            ExitCode.USAGE,
            "did you mean reads?",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes(words: list[str], code: ExitCode, message: str) -> None:
    done = stormdb("explain", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr

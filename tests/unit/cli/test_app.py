"""The root command: help, short form, mistakes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from stormdb.cli.app import root
from stormdb.cli.outcome import exit_code_of

HEAVY = ("pydantic", "asyncpg", "rich", "scipy", "numpy", "ruamel", "structlog", "stormdb._native")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = exit_code_of(root, list(words))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    "command",
    [[], ["run"], ["cleanup"], ["version"]],
    ids=lambda command: " ".join(command) or "stormdb",
)
def test_help_reads_well(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    snapshot: SnapshotAssertion,
    command: list[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = run(capsys, *command, "--help")
    assert (code, err) == (0, "")
    assert out == snapshot


def test_no_help_shows_the_type_names_of_python(capsys: pytest.CaptureFixture[str]) -> None:
    words = "run cleanup explain config:check config:schema plugins:list plugins:info plugins:check"
    words += " workloads:list server:start server:status server:stop server:psql version"
    for command in words.split():
        _, out, _ = run(capsys, *command.split(":"), "--help")
        assert not re.search(r"<[\w\[\]]+>|\{", out.replace("${VAR}", "")), command


def test_without_words_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 0
    assert out.startswith("Usage: stormdb")


@pytest.mark.parametrize("name", ["workloads", "plugins", "config", "server"])
def test_every_command_of_the_list_is_there(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    assert out.startswith(f"Usage: stormdb {name}")


@pytest.mark.parametrize("name", ["start", "status", "stop", "psql"])
def test_each_example_of_a_server_command_has_its_line(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, out, _ = run(capsys, "server", name, "--help")
    assert code == 0
    assert f"\n  stormdb server {name}\n" in out


@pytest.mark.parametrize("words", [["--version"], ["version"]])
def test_the_version_is_printed(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert out.split()[0] == "stormdb"
    assert out.split()[1][0].isdigit()


@pytest.mark.parametrize("words", [["-c", "missing.yaml"], ["run", "-c", "missing.yaml"]])
def test_flags_alone_mean_run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *words)
    assert code == 1
    assert err.startswith("stormdb: missing.yaml: there is no such file")


def test_a_run_of_nothing_says_where_to_look(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "run")
    assert code == 1
    assert err == (
        "stormdb: workload: the key is missing; hint: name a workload; "
        "`stormdb workloads list` shows them\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rum"], "stormdb: no such command 'rum'; hint: did you mean 'run'?"),
        (["--wokers", "3"], "stormdb run: no such option: --wokers; hint: did you mean --workers?"),
        (["run", "--durration=5s"], "no such option: --durration; hint: did you mean --duration?"),
        (["run", "--password=x"], "no such option: --password; hint: did you mean --ask-password?"),
        (["run", "--duration"], "option '--duration' requires an argument"),
        (["run", "a", "b"], "unexpected extra argument"),
        (["plugins", "info", "./nope.py"], "stormdb: there is no file or folder ./nope.py"),
        (["explain", "nope.yaml"], "stormdb: there is no file or folder nope.yaml"),
        (["frobnicate"], "stormdb: no such command 'frobnicate'; hint: `stormdb --help`"),
    ],
)
def test_a_mistake_names_the_nearest(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1


def test_help_and_version_import_nothing_heavy() -> None:
    program = (
        "import sys; from stormdb.cli.app import root; from stormdb.cli import outcome;"
        f"outcome.exit_code_of(root, ['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("line", "completed"),
    [("stormdb ru", "run"), ("stormdb run quickstart_r", "quickstart_read")],
)
def test_the_shell_completes(line: str, completed: str) -> None:
    command = Path(sys.executable).with_name("stormdb")
    words = {"_STORMDB_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "1"}
    if line.count(" ") == 2:
        words["COMP_CWORD"] = "2"
    done = subprocess.run([command], env=words, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [completed]

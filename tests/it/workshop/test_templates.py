"""What `stormdb plugins new` makes passes its own tests and runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

BIN = Path(sys.executable).parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "STORMDB_DURATION": "1s",
    "STORMDB_WARM_UP": "0s",
}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


# The page docs/plugin-workshop.md makes the native one and tries its whole contract, the example
# pgbench_scripts tries that of scripts; that memory is watched for 20 s is no matter of a template.
SELECTED = {
    "native": "not TestContract",
    "coroutine": "not memory",
    "pgbench-script": "not TestContract or setup or type_runs",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("template", SELECTED)
def test_a_new_package_passes_its_tests_and_runs_as_its_ci_does_it(
    tmp_path: Path, template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "stormdb", "plugins", "new", "job-queue", "--template", template)
    project = tmp_path / "job-queue"
    monkeypatch.setitem(ENVIRONMENT, "PYTEST_ADDOPTS", f"-k '{SELECTED[template]}'")
    jobs = YAML(typ="safe").load(project / ".gitlab-ci.yml")
    install, *commands = jobs["test"]["script"]
    assert install == "python -m pip install pytest ."
    outputs = {command: run(project, "sh", "-c", command) for command in commands}
    assert outputs.keys() == {"make test", "make run"}
    assert " passed" in outputs["make test"]
    assert "job_queue" in outputs["make run"]
    run(project, "ruff", "check", "--isolated", "--line-length=100", "--select=E,F,I,UP,RUF", ".")


def test_a_new_file_is_checked_and_runs(tmp_path: Path) -> None:
    run(tmp_path, "stormdb", "plugins", "new", "shop", "--template", "minimal-file")
    assert "problem" not in run(tmp_path, "stormdb", "plugins", "check", "shop.py")
    command = "stormdb run shop --plugin shop.py || test $? -eq 5"
    assert "update" in run(tmp_path, "sh", "-c", command)


def test_a_second_one_of_the_same_name_is_refused(tmp_path: Path) -> None:
    run(tmp_path, "stormdb", "plugins", "new", "shop", "--template", "minimal-file")
    done = subprocess.run(
        ["stormdb", "plugins", "new", "shop", "--template", "minimal-file"],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "stormdb: shop.py exists already; "
        "hint: nothing is overwritten: take another name, or another folder\n"
    )

"""Each example package passes its own tests as its author runs them: `python -m pytest`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from stormdb.testing.contract import PROMISES

from .conftest import ROOT

PACKAGES = sorted(file.parent for file in (ROOT / "examples" / "plugins").glob("*/pyproject.toml"))
LIMIT_S = 570
CONTRACT = {f"test_{promise.name}" for promise in PROMISES}

# Why a promise may stay untried: there is nothing of its kind in the example.
WAIVED = {
    "test_both_forms_agree": "no workload has both forms",
    "test_memory_stays_flat": "no code of the plugin runs in the load",
    "test_a_full_table_is_told": "it does not insert or update",
    "test_rows_grow_with_the_scale": "grows = False is declared",
}

LIBRARIES = {"vectors": "numpy>=2"}
"""What an example needs that stormdb does not bring; its tests need a package index."""


def user_environment() -> dict[str, str]:
    """Variables of a user's shell: what this run of pytest has added is not among them."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def run(folder: Path, *command: str | Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=user_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def outcomes(report: Path) -> dict[str, str]:
    """Of each test its reason to be skipped, "" if it was not."""
    found = {}
    for case in ET.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        found[case.attrib["name"]] = "" if skipped is None else skipped.attrib["message"]
    return found


def skip_unless_it_can_be_had(library: str, folder: Path) -> None:
    command = ["uv", "pip", "install", "--quiet", "--target", str(folder), library]
    try:
        run(folder.parent, *command)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{library} cannot be had here: {error}")


@pytest.mark.timeout(LIMIT_S + 30)
@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_keeps_the_contract_and_its_own_invariants(package: Path, tmp_path: Path) -> None:
    if library := LIBRARIES.get(package.name):
        skip_unless_it_can_be_had(library, tmp_path / "libraries")
    project = shutil.copytree(
        package, tmp_path / package.name, ignore=shutil.ignore_patterns(".*", "__pycache__")
    )
    run(project, "stormdb", "plugins", "check", ".")
    report = tmp_path / "report.xml"
    run(project, sys.executable, "-m", "pytest", f"--junit-xml={report}")
    found = outcomes(report)
    assert found.keys() >= CONTRACT
    assert found.keys() - CONTRACT, "an example tests its own invariant too"
    unexpected = {
        name: reason
        for name, reason in found.items()
        if reason and WAIVED.get(name, "\0") not in reason
    }
    assert unexpected == {}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_can_be_listed_without_running_it(package: Path) -> None:
    text = (package / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)
    assert project["tool"]["stormdb"]["version"] == project["project"]["version"]
    assert (
        project["tool"]["stormdb"]["name"] in project["project"]["entry-points"]["stormdb.plugins"]
    )


@pytest.mark.timeout(LIMIT_S + 30)  # mypy begins without a cache
def test_the_packages_are_typed() -> None:
    sources = [package / "src" for package in PACKAGES]
    files = [
        file
        for package in PACKAGES
        for part in ("src", "tests")
        for file in sorted((package / part).rglob("*.py"))
    ]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *files],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, sources))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

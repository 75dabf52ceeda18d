"""The example as a wheel and as a zip, and installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import PROJECT, Runner, committed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves nothing in the examples."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(PROJECT, folder / "source")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, source], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_a_wheel_is_loaded_as_it_is(runner: Runner, wheel: Path) -> None:
    report = runner.load(wheel, "my_workload")
    assert set(committed(report)) == {"read", "write"}
    assert report["run"]["plugin"]["source"].endswith(".whl")


def test_a_zip_is_loaded_as_it_is(runner: Runner, tmp_path: Path) -> None:
    archive = shutil.make_archive(
        str(tmp_path / "my_workload"), "zip", PROJECT / "src", "my_workload"
    )
    report = runner.load(Path(archive), "my_workload_read")
    assert set(committed(report)) == {"read"}


def test_an_installed_wheel_is_found_by_its_entry_point(
    runner: Runner, wheel: Path, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    uv = Path(sys.executable).with_name("uv")
    where: list[str | Path] = ["--python", sys.executable, "--target", packages]
    subprocess.run([uv, "pip", "install", "--quiet", "--no-deps", *where, wheel], check=True)
    path = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    done = runner.command("plugins", "list", "--json", PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    kinds = {plugin["name"]: plugin["kind"] for plugin in json.loads(done.stdout)}
    assert kinds["my_custom_workload"] == "distribution"

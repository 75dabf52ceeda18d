from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stormdb.plugins.digest import digest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "sql").mkdir(parents=True)
    (folder / "__init__.py").write_text("PLUGIN = 1")
    (folder / "sql" / "tables.sql").write_text("CREATE TABLE t ()")
    return folder


def test_the_same_files_elsewhere_have_the_same_digest(package: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "shop"
    shutil.copytree(package, other)
    assert digest([package]) == digest([other])


@pytest.mark.parametrize("name", ["__init__.py", "sql/tables.sql"])
def test_every_file_counts(package: Path, name: str) -> None:
    before = digest([package])
    with (package / name).open("a") as file:
        file.write(" ")
    assert digest([package]) != before


def test_a_name_counts(package: Path) -> None:
    before = digest([package])
    (package / "sql" / "tables.sql").rename(package / "sql" / "other.sql")
    assert digest([package]) != before


@pytest.mark.parametrize("name", ["__pycache__/x.cpython-311.pyc", ".git/HEAD", "x.pyc"])
def test_what_tools_leave_there_does_not_count(package: Path, name: str) -> None:
    before = digest([package])
    (package / name).parent.mkdir(exist_ok=True)
    (package / name).write_text("x")
    assert digest([package]) == before


def test_a_link_to_a_folder_above_is_not_followed(package: Path) -> None:
    before = digest([package])
    (package / "again").symlink_to(package.parent)
    assert digest([package]) == before

"""New plugins from templates: names, files, and what exists."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from ruamel.yaml import YAML

from stormdb.errors import ConfigError, StoreError
from stormdb.plugin.metadata import API_VERSION
from stormdb.workshop.scaffold import TEMPLATES, create


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_name_of_the_template_is_left(tmp_path: Path, template: str) -> None:
    for path in create("job-queue", template, tmp_path):
        text = str(path.relative_to(tmp_path)) + path.read_text(encoding="utf-8")
        assert not [word for word in ("my_plugin", "MyPlugin", "my-plugin") if word in text]
        if path.suffix == ".py":
            ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != "minimal-file"])
def test_a_package_has_all_that_a_project_needs(tmp_path: Path, template: str) -> None:
    made = {
        str(path.relative_to(tmp_path / "job-queue"))
        for path in create("job-queue", template, tmp_path)
    }
    assert made >= {
        "README.md",
        "Makefile",
        "pyproject.toml",
        "job_queue.yaml",
        ".gitignore",
        ".github/workflows/test.yml",
        ".gitlab-ci.yml",
        "src/job_queue/__init__.py",
        "src/job_queue/config.py",
        "src/job_queue/plugin.py",
        "src/job_queue/workload.py",
        "src/job_queue/py.typed",
        "tests/test_job_queue.py",
    }
    project = tomllib.loads((tmp_path / "job-queue" / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == "job-queue"
    points = project["project"]["entry-points"]["stormdb.plugins"]
    assert points == {"job_queue": "job_queue:PLUGIN"}
    assert project["tool"]["stormdb"]["workload_types"] == ["job_queue"]
    assert project["tool"]["stormdb"]["api_version"] == API_VERSION


def test_both_ci_files_run_the_same_commands_and_the_makefile_has_them(tmp_path: Path) -> None:
    create("job-queue", "native", tmp_path)
    project, yaml = tmp_path / "job-queue", YAML(typ="safe")
    script = yaml.load(project / ".gitlab-ci.yml")["test"]["script"]
    workflow = yaml.load(project / ".github" / "workflows" / "test.yml")
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == script
    targets = re.findall(
        r"^(\w+):", (project / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    made = [command.removeprefix("make ") for command in script if command.startswith("make ")]
    assert made == ["test", "run"]
    assert set(made) <= set(targets)


def test_a_single_file_has_a_script_block(tmp_path: Path) -> None:
    (file,) = create("shop", "minimal-file", tmp_path)
    assert file == tmp_path / "shop.py"
    assert file.read_text(encoding="utf-8").startswith("# /// script\n")


def test_what_exists_is_named_and_not_touched(tmp_path: Path) -> None:
    kept = tmp_path / "shop" / "Makefile"
    kept.parent.mkdir()
    kept.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"shop/Makefile exists already"):
        create("shop", "native", tmp_path)
    assert kept.read_text(encoding="utf-8") == "mine"
    assert list(kept.parent.iterdir()) == [kept]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("a file", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot write"):
        create("shop", "native", tmp_path)


@pytest.mark.parametrize("name", ["", "Shop", "9lives", "a b", "../shop", "shop-", "été"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a plugin"):
        create(name, "native", tmp_path)


@pytest.mark.parametrize("name", ["class", "json", "asyncpg", "stormdb", "quickstart"])
def test_the_name_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is the name of something else"):
        create(name, "native", tmp_path)


def test_a_plugin_that_was_loaded_before_does_not_take_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    assert create("shop", "minimal-file", tmp_path) == [tmp_path / "shop.py"]

"""The single file and the package are one plugin: neither can drift away from the other."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

from .conftest import PROJECT, SINGLE_FILE

PACKAGE = PROJECT / "src" / "my_workload"


def definitions(*files: Path) -> dict[str, str]:
    """Classes, functions and constants of modules, without their imports."""
    found = {}
    for file in files:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                found[node.name] = ast.dump(node)
            elif isinstance(node, ast.Assign):
                found[ast.unparse(node.targets[0])] = ast.dump(node.value)
    return found


def test_both_forms_define_the_same() -> None:
    modules = [path for path in sorted(PACKAGE.glob("*.py")) if path.name != "__init__.py"]
    assert definitions(*modules) == definitions(SINGLE_FILE)


def test_the_project_and_the_metadata_have_one_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'version="{project["version"]}"' in SINGLE_FILE.read_text(encoding="utf-8")

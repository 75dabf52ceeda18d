"""Where a plugin can come from, and that a list runs the code of none that nobody confirmed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stormdb.plugins import Catalog, Host
from stormdb.plugins.uv import find_uv
from tests.it.plugins.conftest import Imported, ShortLimits, stormdb
from tests.it.plugins.test_catalog import (
    make_file,
    make_package,
    make_project,
    make_wheel,
    make_zip,
    source,
)
from tests.it.plugins.test_environments import make_plugin
from tests.support import wheels as tiny

NOBODY = "http://127.0.0.1:9/simple"


pytestmark = pytest.mark.usefixtures("folder")


def asked() -> dict[str, bool]:
    """Which plugins a list knows more of than their place, without those of stormdb."""
    found = json.loads(stormdb("plugins", "list", "--json"))
    return {one["name"]: one["metadata"] is not None for one in found if one["kind"] != "built-in"}


def make_distribution(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What another tool has installed beside stormdb; its `.dist-info`."""
    beside = tmp_path / "beside"
    with zipfile.ZipFile(make_wheel(tmp_path, name)) as archive:
        archive.extractall(beside)
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(beside), path])))
    return beside / f"{name}_plugin-1.0.0.dist-info"


def make_stored(folder: Path, name: str) -> None:
    """What a repository brings that pretends to hold an installed plugin."""
    content = folder / ".stormdb" / "plugins" / name / "content"
    content.mkdir(parents=True)
    (content.parent / "plugin.json").write_text(json.dumps({"from": f"{name}.py"}))
    make_file(content, name)


def test_a_list_runs_no_code_of_any_form_that_nobody_confirmed(
    folder: Path, tmp_path: Path, imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins, inside = folder / "plugins", tmp_path / "inside"
    plugins.mkdir()
    inside.mkdir()
    make_distribution(tmp_path, "in_distribution", monkeypatch)
    make_stored(folder, "in_store")
    make_file(plugins, "in_file")
    make_package(plugins, "in_package")
    make_project(plugins, "in_project")
    make_wheel(plugins, "in_wheel")
    make_zip(plugins, make_file(inside, "in_zip"))
    make_zip(plugins, make_package(inside, "in_packed"))
    found = asked()
    assert len(found) == 8
    assert not any(found.values())
    stormdb("plugins", "lock")
    assert imported.names() == []
    assert all(asked().values())  # a lock is a confirmation
    assert sorted(imported.names()) == sorted(asked())


def test_a_distribution_whose_files_say_enough_is_listed_without_running_it(
    tmp_path: Path, imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    information = make_distribution(tmp_path, "shop", monkeypatch)
    assert "hint: stormdb plugins check runs its code" in stormdb("plugins", "list")
    about = {"name": "shop", "version": "1.0.0", "workload_types": ["shop"]}
    (information / "stormdb.json").write_text(json.dumps(about))
    assert asked() == {"shop": True}
    assert imported.names() == []
    assert "ok       create shop" in stormdb("plugins", "check")


def test_who_installs_for_a_project_confirms_for_nobody_else(
    folder: Path, tmp_path: Path, imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    def become(name: str) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / name / "data"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name / "cache"))

    become("one")
    stormdb("plugins", "install", "--project", make_file(tmp_path, "shop"))
    become("other")
    assert asked() == {"shop": False}
    assert imported.names() == []
    become("one")
    assert asked() == {"shop": True}
    assert imported.names() == ["shop"]
    (kept,) = (folder / ".stormdb").rglob("shop.py")
    before = kept.read_text()
    kept.write_text(before + "# another\n")
    assert asked() == {"shop": False}
    kept.write_text(before)
    stormdb("plugins", "remove", "shop")
    assert list((tmp_path / "one" / "data" / "stormdb" / "confirmed").iterdir()) == []
    assert imported.names() == []


def test_a_wheel_and_a_zip_are_installed_without_running_them(
    tmp_path: Path, imported: Imported
) -> None:
    (tmp_path / "inside").mkdir()
    stormdb("plugins", "install", make_wheel(tmp_path, "shop"))
    stormdb("plugins", "install", make_zip(tmp_path, make_package(tmp_path / "inside", "stall")))
    assert imported.names() == []
    text = stormdb("plugins", "check")
    assert "ok       create shop" in text
    assert "ok       create stall" in text


def git(repository: Path, *words: str) -> None:
    """Run git as nobody in particular, whatever the user has set."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for who in ("AUTHOR", "COMMITTER"):
        environ |= {f"GIT_{who}_NAME": "test", f"GIT_{who}_EMAIL": "test@example.com"}
    subprocess.run(
        ["git", "-C", repository, *words], env=environ, check=True, capture_output=True, timeout=60
    )


def test_a_git_url_is_installed_and_updated(tmp_path: Path) -> None:
    project = make_project(tmp_path, "shop")
    text = (project / "pyproject.toml").read_text()
    text = text.replace('["setuptools"]', '["uv_build>=0.9,<0.14"]')
    (project / "pyproject.toml").write_text(text.replace("setuptools.build_meta", "uv_build"))
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "one")
    url = f"git+file://{project}"
    assert f"installed shop from {url}" in stormdb("plugins", "install", url)
    assert "ok       create shop" in stormdb("plugins", "check")
    assert "the same as before" in stormdb("plugins", "update", "shop")
    main = project / "src" / "shop_plugin" / "main.py"
    main.write_text(main.read_text().replace('version="1.0.0"', 'version="1.1.0"'))
    git(project, "commit", "--quiet", "--all", "--message", "two")
    assert stormdb("plugins", "update", "shop") == "updated shop\n"
    assert "load: shop 1.1.0" in stormdb("plugins", "check")
    text = stormdb("plugins", "install", f"git+file://{tmp_path}/nowhere", code=3)
    assert f"git+file://{tmp_path}/nowhere cannot be had" in text


def test_a_folder_of_wheels_is_enough_without_a_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        monkeypatch.setenv(name, NOBODY)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    tiny.make_wheel(folder / "wheels", "tinylib", "1.0", {"tinylib.py": ""})
    tiny.make_wheel(
        folder / "wheels",
        "shop_plugin",
        "1.0.0",
        {"shop_plugin/__init__.py": "import tinylib\n" + source("shop")},
        requires=["tinylib"],
        entry_points="[stormdb.plugins]\nshop = shop_plugin:PLUGIN\n",
    )
    stormdb("plugins", "install", "shop-plugin", "--find-links", "wheels")
    (folder / "stormdb.yaml").write_text("workload: shop\nplugins: {wheels: wheels}\n")
    assert "ok       create shop" in stormdb("plugins", "check", "-c", "stormdb.yaml")
    stormdb("plugins", "lock", "-c", "stormdb.yaml")
    # It goes on to the server, where nobody answers.
    stormdb("run", "-c", "stormdb.yaml", "--locked", "--host", "127.0.0.1", "--port", 1, code=2)
    text = stormdb("plugins", "check", code=3)
    assert "reach a package index, or name a folder that holds the wheels as plugins.wheels" in text


def other_python(monkeypatch: pytest.MonkeyPatch) -> str:
    """A version of Python that is not ours; from this machine, or got by uv.

    A version manager's folders are put on the search path, because its shims tell uv nothing.
    """
    managed = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob("versions/*/bin")
    path = os.pathsep.join([os.environ["PATH"], *map(str, sorted(managed))])
    monkeypatch.setenv("PATH", path)
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    others = [version for version in ("3.12", "3.13", "3.11") if version != ours]
    said = ""
    for action in ("find", "install"):
        for version in others:
            done = subprocess.run(
                [find_uv(), "python", action, "--no-project", version]
                if action == "find"
                else [find_uv(), "python", action, version],
                capture_output=True,
                text=True,
                timeout=90,
                check=False,
            )
            if done.returncode == 0:
                return version
            said = done.stderr.strip()
    return pytest.skip(f"no other Python than {ours} can be had: {said}")


@pytest.mark.timeout(300)
async def test_a_plugin_of_another_python_runs_beside_one_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = other_python(monkeypatch)
    said = "'.'.join(map(str, sys.version_info[:2]))"
    ours = make_plugin(tmp_path, "ours", "", said=said)
    other = make_plugin(tmp_path, "other", "", imports="import asyncpg, pydantic", said=said)
    other.write_text(other.read_text().replace('">=3.11"', f'"=={version}.*"'))
    catalog = Catalog.at_paths([ours, other], ShortLimits())
    await catalog.load()
    assert catalog.problems == []
    async with (
        await Host.start(catalog.find("ours"), ShortLimits()) as one,
        await Host.start(catalog.find("other"), ShortLimits()) as two,
    ):
        await one.create_workload("ours")
        await two.create_workload("other")
        versions = [
            host.record.metadata and host.record.metadata.description for host in (one, two)
        ]
    assert versions == [f"{sys.version_info.major}.{sys.version_info.minor}", version]

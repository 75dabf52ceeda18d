"""`stormdb plugins install|update|remove|list` as a user types them, without a package index."""

from __future__ import annotations

import json
import os
import py_compile
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from stormdb.plugins import Access, discover
from stormdb.plugins.lock import read_lock
from tests.it.plugins.conftest import Imported, stormdb
from tests.it.plugins.test_catalog import make_file, make_package, make_project, source
from tests.support.wheels import make_wheel

SIGNED = Path(__file__).parents[2] / "fixtures" / "signatures"
ABOUT = """# /// script
# [tool.stormdb]
# name = "{name}"
# version = "1.0.0"
# workload_types = ["{name}"]
# ///
"""


pytestmark = pytest.mark.usefixtures("folder")


def listed() -> dict[str, dict[str, object]]:
    """What `plugins list` says of the plugins that stormdb does not bring."""
    found = json.loads(stormdb("plugins", "list", "--json"))
    return {one["name"]: one for one in found if one["kind"] != "built-in"}


def test_a_file_is_installed_updated_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    file = make_file(tmp_path, "shop")
    assert "installed shop from" in stormdb("plugins", "install", file)
    stormdb("plugins", "check")  # Python keeps what it has compiled beside the file
    assert listed()["shop"]["installed_from"] == str(file)
    assert "hint: stormdb plugins update shop" in stormdb("plugins", "install", file, code=1)
    assert "the same as before" in stormdb("plugins", "update", "shop")
    file.write_text(source("shop") + "# newer\n")
    assert stormdb("plugins", "update", "shop") == "updated shop\n"
    (facts,) = Path(os.environ["XDG_DATA_HOME"]).glob("stormdb/plugins/shop/plugin.json")
    facts.write_text("{")
    assert "plugin.json does not tell" in str(listed()["shop"]["installed_from"])
    assert "removed shop" in stormdb("plugins", "remove", "shop")
    assert listed() == {}
    message = "there is no installed plugin shop; hint: none is installed"
    assert message in stormdb("plugins", "remove", "shop", code=1)


def test_the_shell_completes_names_without_running_what_has_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADED_MARK", str(tmp_path / "mark"))
    stormdb("plugins", "install", make_file(tmp_path, "shop"))
    (folder / "plugins").mkdir()
    make_file(folder / "plugins", "shelf")
    monkeypatch.setenv("_STORMDB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_CWORD", "3")
    for command, names in (("info", {"shop", "shelf"}), ("remove", {"shop"}), ("update", {"shop"})):
        monkeypatch.setenv("COMP_WORDS", f"stormdb plugins {command} sh")
        assert set(stormdb().split()) == names
    assert not (tmp_path / "mark").exists()


def test_what_is_installed_for_the_project_counts_before_the_users(
    tmp_path: Path, folder: Path
) -> None:
    project = make_project(tmp_path, "shop")
    stormdb("plugins", "install", project)
    stormdb("plugins", "install", "--project", project)
    assert str(listed()["shop"]["source"]).startswith(str(folder / ".stormdb"))
    stormdb("plugins", "remove", "shop")
    assert str(listed()["shop"]["source"]).startswith(str(tmp_path / "data"))


def test_a_package_is_got_by_its_name(tmp_path: Path) -> None:
    make_wheel(
        tmp_path / "wheels",
        "shop_plugin",
        "1.0.0",
        {"shop_plugin/__init__.py": source("shop")},
        entry_points="[stormdb.plugins]\nshop = shop_plugin:PLUGIN\n",
    )
    stormdb("plugins", "install", "shop-plugin>=1", "--find-links", tmp_path / "wheels")
    assert listed()["shop"]["kind"] == "wheel"
    assert "ok       create shop" in stormdb("plugins", "check")
    text = stormdb("plugins", "install", "shop-plugin>=2", "--find-links", tmp_path, code=3)
    assert "shop-plugin>=2 cannot be had:" in text
    assert "hint: packages come from" in text
    assert "no package name and no URL" in stormdb("plugins", "install", "./nothing", code=1)


def test_what_cannot_be_used_is_not_installed(tmp_path: Path) -> None:
    file = tmp_path / "later.py"
    *head, end = ABOUT.replace("{name}", "later").splitlines()
    file.write_text("\n".join([*head, '# api_version = "99.0"', end, "raise SystemExit"]))
    text = stormdb("plugins", "install", file, code=3)
    assert (
        "is not installed: plugin later was written for version 99.0 of the plugin contract" in text
    )
    assert listed() == {}


def test_a_list_runs_no_code_of_a_plugin_that_nobody_named(
    folder: Path, imported: Imported
) -> None:
    (folder / "plugins").mkdir()
    silent = make_file(folder / "plugins", "silent")
    telling = make_file(folder / "plugins", "telling")
    telling.write_text(ABOUT.replace("{name}", "telling") + telling.read_text())
    assert listed()["telling"]["metadata"]
    assert listed()["silent"]["metadata"] is None
    text = stormdb("plugins", "list")
    assert (
        "not asked, because nobody named, installed or locked them: plugins/silent.py; hint:"
        in text
    )
    stormdb("plugins", "lock")
    assert imported.names() == []
    assert listed()["silent"]["metadata"]
    assert imported.names() == ["silent"]
    silent.write_text(silent.read_text() + "# another\n")
    assert listed()["silent"]["metadata"] is None
    stormdb("plugins", "check", silent)
    assert listed()["silent"]["metadata"]


def test_files_and_code_that_disagree_are_told(tmp_path: Path) -> None:
    file = make_file(tmp_path, "shop")
    file.write_text(ABOUT.replace("{name}", "shop").replace("1.0.0", "2.0.0") + file.read_text())
    text = stormdb("plugins", "check", file, code=3)
    assert "says version '1.0.0' in get_metadata(), but '2.0.0' in its [tool.stormdb]" in text


def make_locked(folder: Path) -> Path:
    """A package folder that needs tinylib from a folder of wheels, and a configuration of it."""
    make_wheel(folder / "wheels", "tinylib", "1.0", {"tinylib.py": "VERSION = '1.0'\n"})
    file = folder / "shop.py"
    block = '# /// script\n# dependencies = ["tinylib"]\n# ///\nimport tinylib\n'
    file.write_text(block + source("shop"))
    (folder / "stormdb.yaml").write_text(
        "workload: shop\nduration: 1s\nplugins: {files: [shop.py], wheels: wheels}\n"
    )
    stormdb("plugins", "lock", "-c", "stormdb.yaml")
    return file


def test_a_lock_then_one_changed_byte_is_refused_before_any_code_runs(
    folder: Path, imported: Imported
) -> None:
    file = make_locked(folder)
    # It goes on to the server, where nobody answers.
    run = ("run", "-c", "stormdb.yaml", "--locked", "--host", "127.0.0.1", "--port", 1)
    stormdb(*run, code=2)
    assert "shop" in imported.names()
    file.write_text(file.read_text().replace("1.0.0", "1.0.1"))
    text = stormdb(*run, code=3)
    assert "plugin shop is not what stormdb.lock holds: shop.py has changed; sha256" in text
    assert "hint: undo the change, or accept it with stormdb plugins lock" in text
    assert imported.names() == []
    stormdb("plugins", "lock", "-c", "stormdb.yaml")
    stormdb(*run, code=2)
    assert "shop" in imported.names()


@pytest.mark.parametrize("make", [make_file, make_package, make_project])
def test_a_forged_compiled_module_is_not_run_in_place_of_the_source(
    tmp_path: Path, make: Callable[[Path, str], Path]
) -> None:
    path = make(tmp_path, "shop")
    for module in [path] if path.is_file() else list(path.rglob("*.py")):
        source = module.read_text()
        module.write_text(f"raise RuntimeError('forged')\n{source}")
        compiled = Path(py_compile.compile(str(module), doraise=True) or "")
        module.write_text(source)
        # What Python compares: time and size of the source.
        about = module.stat()
        head = struct.pack("<II", int(about.st_mtime), about.st_size)
        compiled.write_bytes(compiled.read_bytes()[:8] + head + compiled.read_bytes()[16:])
    assert "ok       load" in stormdb("plugins", "check", path)


def test_a_compiled_module_without_source_is_refused(tmp_path: Path) -> None:
    package = make_package(tmp_path, "shop")
    (package / "extra.py").write_text("")
    py_compile.compile(str(package / "extra.py"), str(package / "extra.pyc"), doraise=True)
    (package / "extra.py").unlink()
    (package / "__init__.py").write_text("from shop import extra\nfrom shop.main import PLUGIN\n")
    text = stormdb("plugins", "check", package, code=3)
    assert "extra.pyc has no source beside it, so no digest covers it" in text


def test_a_package_that_is_not_the_locked_one_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_locked(folder)
    # As on another machine: in uv's cache here is the package that was locked.
    monkeypatch.setenv("UV_CACHE_DIR", str(folder / "uv"))
    make_wheel(folder / "wheels", "tinylib", "1.0", {"tinylib.py": "VERSION = '1.O'\n"})
    text = stormdb("run", "-c", "stormdb.yaml", "--locked", code=3)
    assert "Hash mismatch for `tinylib==1.0`" in text
    (folder / "stormdb.lock").unlink()
    text = stormdb("run", "-c", "stormdb.yaml", "--locked", code=1)
    assert "there is no stormdb.lock in" in text


def test_a_lock_asks_for_signatures_until_it_is_removed(folder: Path, tmp_path: Path) -> None:
    for name in ("shop.py", "shop.py.minisig"):
        shutil.copy(SIGNED / name, tmp_path)
    key = (SIGNED / "author.pub").read_text().split()[-1]
    run = ("run", "shop", "--locked", "--host", "127.0.0.1", "--port", 1)
    stormdb("plugins", "install", tmp_path / "shop.py", "--project")
    text = stormdb("plugins", "lock", "--trust", f"shop={SIGNED / 'author.pub'}")
    assert f", signed by {key}\n" in text
    stormdb(*run, code=2)  # nobody answers there

    signature = next((folder / ".stormdb").rglob("shop.py.minisig"))
    content = signature.read_text()
    signature.write_text(content.replace("trusted comment: shop 1.0.0", "trusted comment: shop 2"))
    text = stormdb(*run, code=3)
    assert "plugin shop is not signed as stormdb.lock asks: shop.py.minisig is no" in text
    signature.unlink()
    text = stormdb(*run, code=3)
    assert f"shop.py.minisig is missing, a signature by the key {key}; hint: get the file" in text
    # A later lock does not forget it, and what cannot be read is not written over.
    assert "shop.py.minisig is missing" in stormdb("plugins", "lock", code=3)
    (folder / "stormdb.lock").write_text((folder / "stormdb.lock").read_text()[:-9])
    assert "hint: remove it, then make it anew" in stormdb("plugins", "lock", code=1)
    (folder / "stormdb.lock").unlink()
    assert "signed by" not in stormdb("plugins", "lock")
    stormdb(*run, code=2)


def test_a_signature_is_asked_of_each_plugin_or_of_one(folder: Path) -> None:
    (folder / "plugins").mkdir()
    for name in ("shop.py", "shop.py.minisig"):
        shutil.copy(SIGNED / name, folder / "plugins")
    make_file(folder / "plugins", "ours")
    key = SIGNED / "author.pub"
    text = stormdb("plugins", "lock", "--trust", key, code=3)
    assert "plugin ours is not signed as stormdb.lock asks: ours.py.minisig is missing" in text
    stormdb("plugins", "lock", "--trust", f"shop={key}")
    signed = {one["name"]: one["signed_by"] for one in read_lock(folder).plugins}
    assert signed == {"shop": key.read_text().split()[-1], "ours": ""}
    text = stormdb("plugins", "lock", "--trust", f"shp={key}", code=1)
    assert "--trust: there is no plugin shp to lock; hint: there are ours, shop" in text


def test_two_builds_have_the_same_bytes_and_say_what_is_in_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = make_project(tmp_path / name, "shop")
        text = (project / "pyproject.toml").read_text()
        text = text.replace('["setuptools"]', '["uv_build>=0.9,<0.14"]')
        text = text.replace("setuptools.build_meta", "uv_build")
        about = '[tool.stormdb]\nname = "shop"\nworkload_types = ["shop"]\n'
        access = '[tool.stormdb.access]\nread = ["/srv/names"]\nconnect = [6379]\n'
        (project / "pyproject.toml").write_text(text + about + access)
        stormdb("plugins", "build", project, "--out", tmp_path / name / "dist")
    built = [next((tmp_path / name / "dist").iterdir()) for name in ("one", "two")]
    assert built[0].name == "shop_plugin-1.0.0-py3-none-any.whl"
    assert built[0].read_bytes() == built[1].read_bytes()
    (record,) = discover.at_path(built[0])
    assert record.access == Access(read=("/srv/names",), connect=(6379,))
    stormdb("plugins", "install", built[0])
    assert listed()["shop"]["metadata"]
    assert "ok       create shop" in stormdb("plugins", "check", built[1])
    text = stormdb("plugins", "build", tmp_path / "nowhere", code=1)
    assert "is no folder with a pyproject.toml" in text

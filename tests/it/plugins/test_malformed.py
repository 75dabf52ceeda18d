"""What a user reads about each malformed plugin; one snapshot holds all the messages."""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stormdb.errors import ConfigError, PluginError
from stormdb.plugins import Catalog, DefaultSettings, discover
from stormdb.plugins.check import check
from tests.it.plugins.conftest import FIXTURES, ShortLimits

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

MALFORMED = FIXTURES / "malformed"
GO_LIBRARY = b"\x7fELF\x02\x01\x01" + bytes(57) + b"\xff Go buildinf:\x08\x02"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The malformed plugins as a user's folder, with those that only a build makes."""
    here = tmp_path / "plugins"
    shutil.copytree(MALFORMED, here, ignore=shutil.ignore_patterns("__pycache__"))
    (here / "my_workload.so").write_bytes(GO_LIBRARY)
    (here / "my_workload.dll").write_bytes(b"MZ" + GO_LIBRARY[4:])
    (here / "library.so").write_bytes(b"\x7fELF" + bytes(60))
    (here / "text.so").write_text("nothing")
    (here / "dangling.py").symlink_to("nowhere.py")
    (here / "damaged.zip").write_text("nothing")
    with zipfile.ZipFile(here / "two.zip", "w") as archive:
        archive.writestr("one.py", "PLUGIN = None")
        archive.writestr("two.py", "PLUGIN = None")
    with zipfile.ZipFile(here / "outside.zip", "w") as archive:
        archive.writestr("../outside.py", "PLUGIN = 1")
    wheel(here / "shop-1.0-cp39-cp39-win_amd64.whl", "shop:PLUGIN")
    wheel(here / "shop-1.0-py3-none-any.whl", "")
    wheel(here / "shop-2.0-py3-none-any.whl", "shop:PLUGIN", "Requires-Dist: stormdb>=99\n")
    wheel(here / "shop.whl", "shop:PLUGIN")
    monkeypatch.chdir(tmp_path)
    return here


def wheel(path: Path, entry: str, requires: str = "") -> None:
    """A wheel whose module cannot be imported without a trace."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("shop.py", "PLUGIN = None")
        archive.writestr(
            "shop-1.0.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n{requires}",
        )
        if entry:
            archive.writestr(
                "shop-1.0.dist-info/entry_points.txt", f"[stormdb.plugins]\nshop = {entry}\n"
            )


def as_everywhere(text: str) -> str:
    """The message as it is with every Python on every platform."""
    text = text.replace(".".join(map(str, sys.version_info[:3])), "<python>")
    text = re.sub(r"(this platform is) \S+", r"\1 <platform>;", text)
    return re.sub(r"(installed is|this is) \d[\w.]*", r"\1 <version>", text)


async def messages(path: Path) -> list[str]:
    """The problems that `stormdb plugins check` tells."""
    return [
        str(step.problem)
        for record in discover.at_path(path)
        async for step in check(record, ShortLimits())
        if step.problem
    ]


async def test_messages(folder: Path, snapshot: SnapshotAssertion) -> None:
    text = []
    for path in sorted(folder.iterdir()):  # noqa: ASYNC240 - nothing else waits
        if path.name == "helpers_beside.py":
            continue
        found = await messages(path)
        assert found, f"{path.name} is not malformed"
        text += [path.name, *(f"  {as_everywhere(message)}" for message in found)]
    assert len(text) > 40
    assert "Traceback" not in (together := "\n".join(text))
    assert "must not run" not in together
    assert not (folder.parent / "outside.py").exists()
    assert together == snapshot


async def test_the_others_stay_usable(folder: Path) -> None:
    shutil.copy(FIXTURES / "criminal.py", folder)
    catalog = Catalog.discover(DefaultSettings(paths=[str(folder)], limits=ShortLimits()))
    await catalog.load()
    assert catalog.find("scene").where == "plugins/criminal.py"
    assert len(catalog.problems) > 30
    with pytest.raises(PluginError) as caught:
        catalog.find("scenes")
    assert "it may be in one that cannot be used: plugins/abstract.py:8: " in caught.value.message
    assert "more that `stormdb plugins check` shows" in caught.value.message
    assert caught.value.hint == "did you mean scene?"


def test_a_file_that_does_not_exist_is_named_with_its_place_in_the_configuration() -> None:
    settings = DefaultSettings(files=["./nowhere.py"])
    with pytest.raises(ConfigError) as caught:
        Catalog.discover(settings, where=lambda key: f"stormdb.yaml:7: {key}")
    assert str(caught.value).startswith(
        "stormdb.yaml:7: plugins.files[0]: there is no file or folder ./nowhere.py; hint: "
    )


def test_a_folder_that_was_named_must_exist_but_the_default_one_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Catalog.discover(DefaultSettings())
    with pytest.raises(ConfigError, match=r"there is no folder ./plugins"):
        Catalog.discover(DefaultSettings(model_fields_set={"paths"}))

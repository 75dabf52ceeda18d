from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from stormdb.plugin import PluginMetadata
from stormdb.plugins import Kind, PluginRecord, cache

METADATA = PluginMetadata(name="shop", version="1.0", workload_types=["shop"], author="é")
RECORD = PluginRecord(name="shop", kind=Kind.FILE, source="shop.py", digest="d1", metadata=METADATA)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "stormdb"


def test_metadata_are_kept_by_digest() -> None:
    assert cache.read_metadata(RECORD) is None
    cache.write_metadata(RECORD)
    assert cache.read_metadata(RECORD) == METADATA
    assert cache.read_metadata(replace(RECORD, digest="d2")) is None


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"name": "x"}'])
def test_a_damaged_entry_counts_as_absent(content: str, folder: Path) -> None:
    cache.write_metadata(RECORD)
    (file,) = folder.rglob("d1.json")
    file.write_text(content)
    assert cache.read_metadata(RECORD) is None


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache.write_metadata(RECORD)
    assert cache.read_metadata(RECORD) is None


def test_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    archive = tmp_path / "shop.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("shop/__init__.py", "PLUGIN = 1")
    folder = cache.unpack(archive, "d1")
    assert (folder / "shop" / "__init__.py").read_text() == "PLUGIN = 1"
    archive.unlink()
    assert cache.unpack(archive, "d1") == folder


def test_without_a_cache_an_archive_is_unpacked_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    archive = tmp_path / "shop.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("shop.py", "PLUGIN = 1")
    folder = cache.unpack(archive, "d1")
    assert (folder / "shop.py").read_text() == "PLUGIN = 1"
    assert tmp_path not in folder.parents


def test_a_damaged_archive_leaves_nothing(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "shop.zip"
    archive.write_text("no zip")
    with pytest.raises(ValueError, match="is no zip archive"):
        cache.unpack(archive, "d1")
    assert list((folder / "unpacked").iterdir()) == []

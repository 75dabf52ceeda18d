"""Ceilings are kept per machine, and what cannot be read counts as absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.calibration import store
from stormdb.errors import StoreError
from stormdb.results import Ceiling


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def ceiling(connections: int, throughput_per_s: float) -> Ceiling:
    return Ceiling(
        executor="native",
        io="poll",
        parts=1,
        transport="unix",
        connections=connections,
        throughput_per_s=throughput_per_s,
        cpu_ns=9_000.5,
        busy_ratio=0.9,
        server_busy_ratio=0.6,
        schedule_lag_p99_ns=40_000,
    )


def test_without_a_calibration_there_is_none() -> None:
    assert store.load() is None


def test_what_was_kept_is_found_again() -> None:
    store.save([ceiling(4, 50_000.0)])
    found = store.load()
    assert found
    assert found.ceilings == (ceiling(4, 50_000.0),)
    assert found.machine == store.machine()


def test_a_later_measurement_replaces_its_shape_and_leaves_the_others() -> None:
    store.save([ceiling(4, 50_000.0), ceiling(16, 60_000.0)])
    store.save([ceiling(16, 70_000.0)])
    found = store.load()
    assert found
    assert [one.throughput_per_s for one in found.ceilings] == [50_000.0, 70_000.0]


@pytest.mark.parametrize("name", ["processor", "cpus", "kernel", "stormdb"])
def test_another_machine_has_another_file(name: str) -> None:
    key = store.machine()
    assert store.file_of(key | {name: "other"}) != store.file_of(key)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"measured_at": "2026-01-01", "ceilings": [{}]}']
)
def test_a_file_that_cannot_be_read_counts_as_absent(text: str) -> None:
    store.save([ceiling(4, 50_000.0)]).write_text(text)
    assert store.load() is None


def test_a_folder_that_cannot_be_written_to_is_named(cache: Path) -> None:
    (cache / "stormdb").write_text("a file is in the way")
    with pytest.raises(StoreError, match=r"the calibration cannot be kept: .*; hint: set XDG"):
        store.save([ceiling(4, 50_000.0)])

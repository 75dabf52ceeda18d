from __future__ import annotations

from pathlib import Path

import pytest

from stormdb.server import extension
from stormdb.server.extension import extension_problem, missing_cpu_flags

V3 = "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"
NEW = f"processor\t: 0\nmodel name\t: new\nflags\t\t: fpu sse4_2 {V3} avx512f\n"
OLD = "processor\t: 0\nflags\t\t: fpu sse4_2 avx xsave f16c\n"


def test_a_new_processor_lacks_nothing() -> None:
    assert missing_cpu_flags(NEW) == []


def test_an_old_processor_lacks_what_it_has_not() -> None:
    assert missing_cpu_flags(OLD) == ["abm", "avx2", "bmi1", "bmi2", "fma", "movbe"]


@pytest.mark.parametrize("flag", V3.split())
def test_each_flag_counts_and_only_as_a_whole_word(flag: str) -> None:
    assert missing_cpu_flags(NEW.replace(f" {flag} ", f" {flag}x ")) == [flag]


def test_a_text_without_flags_promises_nothing() -> None:
    assert missing_cpu_flags("processor : 0\n") == V3.split()


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(OLD)
    monkeypatch.setattr(extension, "_CPUINFO", path)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    return path


def test_the_wheels_pgvector_is_refused_on_an_old_processor(cpuinfo: Path) -> None:
    problem = extension_problem("vector", "wheel")
    assert problem is not None
    assert "this one lacks abm avx2 bmi1 bmi2 fma movbe; hint: " in problem


def test_all_else_is_allowed(cpuinfo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert extension_problem("hstore", "wheel") is None
    assert extension_problem("vector", "system") is None
    assert extension_problem("vector", "pg_bin") is None
    cpuinfo.write_text(NEW)
    assert extension_problem("vector", "wheel") is None
    cpuinfo.unlink()
    assert extension_problem("vector", "wheel") is None
    cpuinfo.write_text(OLD)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert extension_problem("vector", "wheel") is None

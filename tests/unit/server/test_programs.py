from __future__ import annotations

import os
from pathlib import Path

import pytest

from stormdb.errors import ConfigError, ConnectError
from stormdb.server import programs
from stormdb.server.account import Account

# What these tests start prints a line; whom it runs as is the account of the tests themselves.
OURSELVES = Account(name="me", uid=os.geteuid(), gid=os.getegid())


def install(folder: Path, text: str, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names or ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def says(version: str) -> str:
    return f"echo 'postgres (PostgreSQL) {version}'"


@pytest.mark.parametrize(
    ("version", "expected", "major"),
    [
        ("18.6", "18.6", 18),
        ("15.18 (Debian 15.18-0+deb12u1)", "15.18", 15),
        ("19beta2", "19beta2", 19),
        ("20devel", "20devel", 20),
    ],
)
def test_the_version_is_what_the_program_says(
    tmp_path: Path, version: str, expected: str, major: int
) -> None:
    found = programs.find(install(tmp_path / "bin", says(version)), OURSELVES)
    assert (found.version, found.major, found.source) == (expected, major, "pg_bin")
    assert found.path("psql") == tmp_path / "bin" / "psql"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (says("14.20"), "holds PostgreSQL 14.20; stormdb starts 15 and newer"),
        ("echo 'wrong ELF class' >&2; exit 127", "postgres does not run: wrong ELF class"),
        ("exit 132", "postgres does not run: it ended with status 132"),
        ("echo hello", "postgres does not run: hello"),
    ],
)
def test_a_named_folder_that_cannot_be_used_is_an_error(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        programs.find(install(tmp_path / "bin", text), OURSELVES)


def test_a_named_folder_without_the_programs_is_an_error(tmp_path: Path) -> None:
    install(tmp_path / "bin", says("18.1"), "postgres", "psql")
    with pytest.raises(ConfigError, match=r"--pg-bin: .*holds no initdb program; hint: .*bindir"):
        programs.find(tmp_path / "bin", OURSELVES)
    with pytest.raises(ConfigError, match="holds no postgres program"):
        programs.find(tmp_path, OURSELVES)


def test_a_program_that_may_not_be_run_is_an_error(tmp_path: Path) -> None:
    folder = install(tmp_path / "bin", says("18.1"))
    (folder / "postgres").chmod(0o644)
    with pytest.raises(ConfigError, match="user 'me' may not run"):
        programs.find(folder, OURSELVES)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a wheel and without program files, to put some on."""
    monkeypatch.setattr(programs, "_WHEEL", "no_such_package")
    monkeypatch.setattr(programs, "_SYSTEM_FOLDERS", (f"{tmp_path}/system/*/bin".lstrip("/"),))
    monkeypatch.setenv("PATH", f"{tmp_path}/path:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda name: _which(tmp_path / "path" / name))
    return tmp_path


def _which(path: Path) -> str | None:
    return str(path) if path.exists() else None


def test_nothing_found_says_what_was_tried(machine: Path) -> None:
    install(machine / "system" / "17" / "bin", "exit 1")
    with pytest.raises(ConnectError, match=r"(?s)no PostgreSQL program files .*system/17/bin.*pip"):
        programs.find(None, OURSELVES)


def test_the_newest_of_the_system_comes_first_and_broken_ones_are_passed_over(
    machine: Path,
) -> None:
    for major in (9, 15, 17):
        install(machine / "system" / str(major) / "bin", says(f"{major}.1"))
    install(machine / "system" / "18" / "bin", "exit 1")
    found = programs.find(None, OURSELVES)
    assert (found.version, found.source) == ("17.1", "system")


def test_pg_config_comes_before_the_path_and_the_path_before_the_usual_folders(
    machine: Path,
) -> None:
    install(machine / "system" / "18" / "bin", says("18.1"))
    install(machine / "path", says("16.1"))
    assert programs.find(None, OURSELVES).version == "16.1"
    chosen = install(machine / "chosen", says("17.1"))
    install(machine / "path2", f"echo {chosen}", "pg_config")
    (machine / "path2" / "pg_config").rename(machine / "path" / "pg_config")
    assert programs.find(None, OURSELVES).version == "17.1"


def test_the_wheel_comes_before_the_system(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(machine / "system" / "18" / "bin", says("18.1"))
    install(machine / "packages" / "some_wheel" / "pginstall" / "bin", says("17.5"))
    (machine / "packages" / "some_wheel" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.setattr(programs, "_WHEEL", "some_wheel")
    monkeypatch.syspath_prepend(machine / "packages")
    found = programs.find(None, OURSELVES)
    assert (found.version, found.source) == ("17.5", "wheel")


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root the server runs as another user")
def test_as_root_a_wheel_closed_to_the_servers_user_is_copied_once(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = machine / "closed"
    closed.mkdir(mode=0o700)
    install(closed / "some_wheel" / "pginstall" / "bin", says("17.5"))
    for path in closed.rglob("*"):
        path.chmod(0o700)  # installed with a strict umask
    (closed / "some_wheel" / "__init__.py").touch()
    (closed / "some_wheel.libs").mkdir()
    (closed / "some_wheel.libs" / "libpq.so").touch()
    monkeypatch.setattr(programs, "_WHEEL", "some_wheel")
    monkeypatch.syspath_prepend(closed)
    copies = Path("/var/tmp") / f"stormdb-test-{os.getpid()}"
    monkeypatch.setattr(programs, "_COPIES", copies)
    try:
        found = [programs.find(None, Account.choose()) for _ in range(2)]
        assert found[0] == found[1]
        assert found[0].bin_dir.is_relative_to(copies)
        [copy] = copies.iterdir()
        assert (copy / "some_wheel.libs" / "libpq.so").exists()
        assert copy.stat().st_mode & 0o022 == 0
    finally:
        import shutil

        shutil.rmtree(copies)

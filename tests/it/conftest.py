"""What tests of servers that come and go share."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A place for data that the server's user can reach when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="server-", dir="/var/tmp"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path, ignore_errors=True)

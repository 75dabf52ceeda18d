"""What the pages are executed with: an environment of their own, and the server they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .environment import make_environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of the shell that runs the examples."""
    folder: Path = tmp_path_factory.mktemp("environment")
    return make_environment(folder / "venv")

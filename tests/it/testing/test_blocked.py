"""Under pytest, what cannot be tried because something else is broken hides nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.it.testing.mutants import Mutant

if TYPE_CHECKING:
    from stormdb.testing import ScratchServer

# Whoever asks for its data meets what setup raises.
UNUSABLE = Mutant(
    promise="setup_makes_the_data",
    says="",
    code="""
    async def setup(self, ctx, db, cfg):
        raise RuntimeError("no data today")
""",
)
TESTS = """
from ledger import PLUGIN
from stormdb.testing import PluginContract

class TestContract(PluginContract):
    plugin = PLUGIN
"""


@pytest.mark.parametrize(
    ("selected", "ends"),
    [
        ("setup_makes or statement_has_rows", "1 failed, 21 deselected, 1 xfailed"),
        ("statement_has_rows", "1 failed, 22 deselected"),
    ],
)
def test_a_blocked_promise_fails_unless_the_broken_one_has(
    stormdb_server: ScratchServer, tmp_path: Path, selected: str, ends: str
) -> None:
    UNUSABLE.write(tmp_path)
    (tmp_path / "test_ledger.py").write_text(TESTS, encoding="utf-8")
    url = stormdb_server.administration.url
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rx", "-k", selected, "--stormdb-url", url],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert f" {ends} in " in done.stdout
    assert "no data today" in done.stdout
    assert ("blocked by setup_makes_the_data: " in done.stdout) == ("xfailed" in ends)

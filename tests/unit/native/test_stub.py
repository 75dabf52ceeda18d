"""The stub says what the extension has."""

import subprocess
import sys
from pathlib import Path


def test_the_stub_agrees_with_the_extension() -> None:
    stubtest = Path(sys.executable).with_name("stubtest")
    checked = subprocess.run(
        [stubtest, "stormdb._native"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr

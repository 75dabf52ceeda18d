"""An embedded server on a disk without room, which is a small file system of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stormdb.errors import ExitCode

COMMAND = Path(sys.executable).with_name("stormdb")
# Seen by the command alone, and gone with it.
ON_A_SMALL_DISK = 'mount -t tmpfs -o "$0,mode=1777" tmpfs "$TMPDIR" || exit 77; exec "$@"'


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("size=20m", "initdb did not make a data directory; it wrote:"),
        ("size=20k", "could not write file"),
        ("size=20m,nr_inodes=3", "the server did not start: No space left on device"),
    ],
)
def test_the_message_names_the_folder_and_how_to_choose_another(
    tmp_path: Path, limits: str, said: str
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    command = ["sh", "-c", ON_A_SMALL_DISK, limits, COMMAND, "run", "quickstart", "--quiet"]
    folder = Path("/tmp") / f"stormdb-test-{os.getpid()}"  # where the server's account reaches it
    folder.mkdir()
    try:
        done = subprocess.run(
            ["unshare", "--mount", *command],
            env={**os.environ, "TMPDIR": str(folder)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        folder.rmdir()
    if done.returncode not in set(ExitCode) or "unshare:" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert done.returncode == ExitCode.CONNECT
    assert said in done.stderr
    assert f"hint: free some space where {folder}/stormdb-" in done.stderr
    assert "in TMPDIR for temporary data, in database.data_dir for data that is kept" in done.stderr
    assert "This user must also own" not in done.stderr

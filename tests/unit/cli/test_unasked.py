from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DECLARED = """# /// script
# dependencies = ["some-package"]
# [tool.stormdb]
# name = "shop"
# version = "1.0.0"
# workload_types = ["shop"]
# ///
"""


def stormdb(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, which tells on its last line whether it has imported pydantic."""
    program = (
        "import sys; sys.argv[0] = 'stormdb'; from stormdb.cli import main; code = main();"
        "print('pydantic' in sys.modules); sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        env={"HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_list_of_plugins_imports_no_pydantic(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "shop.py").write_text(DECLARED)
    done = stormdb(tmp_path, "plugins", "list")
    assert done.returncode == 0, done.stderr
    assert "shop " in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_what_is_given_is_converted_and_what_must_be_given_is_missed(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(DECLARED)
    (tmp_path / "more.py").write_text(DECLARED.replace("shop", "more"))
    done = stormdb(tmp_path, "plugins", "list", "--plugin", "shop.py", "--plugin", "more.py")
    assert {"shop", "more"} <= {line.partition(" ")[0] for line in done.stdout.splitlines()}
    done = stormdb(tmp_path, "plugins", "info")
    assert done.returncode == 1
    assert "missing argument" in done.stderr
    assert stormdb(tmp_path, "--version").stdout.startswith("stormdb ")

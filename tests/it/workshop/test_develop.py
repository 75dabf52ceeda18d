"""`stormdb plugins dev` shows a page at the start and at each save."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

from stormdb.workshop.scaffold import create


def page(stream: IO[str]) -> str:
    """All that is printed until the command waits for a save."""
    lines = []
    for line in stream:
        lines.append(line)
        if "waiting for the next save" in line:
            break
    return "".join(lines)


def test_each_save_makes_a_new_page(tmp_path: Path) -> None:
    (file,) = create("shop", "minimal-file", tmp_path)
    command = [Path(sys.executable).with_name("stormdb"), "plugins", "dev", "shop.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert "Index Scan using item_pkey on item" in page(process.stdout)
            good = file.read_text(encoding="utf-8")
            file.write_text(good.replace("WHERE id = $1", "WHERE quantity = $1"), encoding="utf-8")
            assert "warning: no row in" in page(process.stdout)
            file.write_text(good.replace("def ", "def", 1), encoding="utf-8")
            assert "problem: " in page(process.stdout)
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait() == 0

"""What STYLE.md section 6 limits and no linter knows: sizes of files and of Python functions.

Excess that exists stands in `_EXCUSED` with its size and may only shrink.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

_FILE_LINES = 500
_STUB_LINES = 800
"""A stub describes one extension module, and cannot be divided."""
_FUNCTION_LINES = 60
_BROKEN = Path("tests/fixtures")
"""Files that are wrong on purpose."""
_EXCUSED: dict[str, int] = {}
"""`path` or `path:function` -> the size that it may not exceed."""


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", "*.py", "*.pyi", "*.rs"],
        check=True,
        capture_output=True,
        text=True,
    )
    paths = (Path(line) for line in listed.stdout.splitlines())
    return [path for path in paths if path.exists() and not path.is_relative_to(_BROKEN)]


def _too_long(path: Path) -> list[tuple[str, int, int]]:
    """(name, size, limit) of the file and its functions where over the limit."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if lines and "generated" in lines[0].lower():
        return []
    limit = _STUB_LINES if path.suffix == ".pyi" else _FILE_LINES
    found = [(str(path), len(lines), limit)]
    if path.suffix == ".py":
        found += [
            (
                f"{path}:{node.name}",
                (node.end_lineno or node.lineno) - node.lineno + 1,
                _FUNCTION_LINES,
            )
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    return [(name, size, limit) for name, size, limit in found if size > limit]


def main() -> int:
    """Print each excess that is not excused; the exit code is how the check ended."""
    excess = {name: (size, limit) for path in _tracked() for name, size, limit in _too_long(path)}
    problems = [
        f"{name}: {size} lines, the limit is {limit}"
        for name, (size, limit) in excess.items()
        if size > _EXCUSED.get(name, limit)
    ]
    problems += [
        f"{name}: no longer too long; remove it from tools/tidy.py"
        for name in _EXCUSED.keys() - excess.keys()
    ]
    print("\n".join(problems) or "tidy: sizes are within STYLE.md section 6")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""Executes the blocks of a page, top to bottom, in a folder of its own."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from .blocks import ROOT, Block, DocsError, Page
from .checks import check_from, check_interface, check_output, check_run_by

COMMAND_LIMIT_S = 180


class PageRun:
    """State of a page's execution: where its commands are, and which files it has written.

    Args:
        page: the page.
        folder: an empty folder that its commands begin in.
        environment: variables of the commands; the `stormdb` on its PATH is the one under test.
        replace: words of the page that are different on this machine: the port of its server.
    """

    def __init__(
        self,
        page: Page,
        folder: Path,
        environment: Mapping[str, str],
        *,
        replace: Mapping[str, str] | None = None,
    ) -> None:
        self.page = page
        self.folder = folder
        self.environment = dict(environment)
        self._replace = replace or {}
        self._python_files: list[Path] = []
        self._where_file = folder.parent / f"{folder.name}.cwd"

    def run(self) -> None:
        """Execute every block.

        Raises:
            DocsError: a block has no treatment, or does not do what the page says.
        """
        for block in self.page.blocks:
            self._execute(block)
        self._check_types()

    def _execute(self, block: Block) -> None:
        treated = self._check(block)
        block = self._adapt(block)
        if "file" in block.directives:
            self._write(block)
        elif not treated:
            treatment = self._treatments.get(block.language)
            if treatment is None:
                raise DocsError(
                    f"{block.where}: nothing executes this `{block.language}` block; "
                    "mark it as CONTRIBUTING.md says"
                )
            treatment(self, block)

    def _adapt(self, block: Block) -> Block:
        text = block.text
        for word, here in self._replace.items():
            text = re.sub(rf"\b{re.escape(word)}\b", here, text)
        return dataclasses.replace(block, text=text)

    def _check(self, block: Block) -> bool:
        for name, value in block.directives.items():
            match name:
                case "from":
                    check_from(block, value)
                case "run by":
                    check_run_by(block, value)
                case "interface":
                    check_interface(block, value)
                case "picture" if block.language != "text":
                    raise DocsError(f"{block.where}: a picture is a `text` block")
        return bool({"from", "run by", "interface", "picture"} & block.directives.keys())

    def _write(self, block: Block) -> None:
        path = self.folder / block.directives["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        if path.suffix == ".py":
            self._python_files.append(path)
        elif path.suffix == ".yaml":
            self._shell(block, f"stormdb config check {path.name}", cwd=path.parent)

    def _run_python(self, block: Block) -> None:
        path = self.folder / f"block_{block.line}.py"
        path.write_text(block.text, encoding="utf-8")
        self._python_files.append(path)
        self._shell(block, f"python {path.name}")

    def _check_config(self, block: Block) -> None:
        path = self.folder / f"block_{block.line}.yaml"
        path.write_text(block.text, encoding="utf-8")
        self._shell(block, f"stormdb config check {path.name}")

    def _run_bash(self, block: Block) -> None:
        self._shell(block, block.text, expected_exit=int(block.directives.get("exit", 0)))

    def _run_console(self, block: Block) -> None:
        parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
        if parts[0].strip() or len(parts) == 1:
            raise DocsError(f"{block.where}: a console block begins with `$ ` and a command")
        expected_exit = int(block.directives.get("exit", 0))
        for command, output in zip(parts[1::2], parts[2::2], strict=True):
            printed = self._shell(block, command, expected_exit=expected_exit)
            check_output(block.where, command, output, printed)

    def _shell(
        self, block: Block, script: str, *, expected_exit: int = 0, cwd: Path | None = None
    ) -> str:
        """Run a script with bash; a `cd` in it moves the page, unless `cwd` is given."""
        record = "" if cwd else f"trap 'pwd >{self._where_file}' EXIT\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", record + script],
            cwd=cwd or self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_LIMIT_S,
            check=False,
        )
        if done.returncode != expected_exit:
            raise DocsError(
                f"{block.where}: exit status {done.returncode}, expected {expected_exit}\n"
                f"$ {script.strip()}\n{done.stdout}"
            )
        if not cwd:
            self.folder = Path(self._where_file.read_text(encoding="utf-8").strip())
        return done.stdout

    def _check_types(self) -> None:
        if not self._python_files:
            return
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", *map(str, self._python_files)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DocsError(f"{self.page.path}: mypy --strict\n{done.stdout}{done.stderr}")

    _treatments: Mapping[str, Callable[[PageRun, Block], None]] = {
        "bash": _run_bash,
        "console": _run_console,
        "go": lambda _run, _block: None,  # the older tool's language: shown beside ours only
        "python": _run_python,
        "yaml": _check_config,
    }

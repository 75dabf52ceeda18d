"""Checks of a block that need no process: it agrees with a file, with the contract, with output."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from types import ModuleType

from .blocks import ROOT, Block, DocsError


def check_from(block: Block, source: str) -> None:
    """The block is a part of a file of the repository, word for word but for its indentation."""
    path = ROOT / source
    if not path.is_file():
        raise DocsError(f"{block.where}: there is no {source}")
    wanted = textwrap.dedent(block.text).strip("\n").splitlines()
    lines = path.read_text(encoding="utf-8").splitlines()
    for start in range(len(lines) - len(wanted) + 1):
        part = textwrap.dedent("\n".join(lines[start : start + len(wanted)])).splitlines()
        if part == wanted:
            return
    raise DocsError(f"{block.where}: the block is not a part of {source}")


def check_run_by(block: Block, source: str) -> None:
    """Every command of the block stands in a file that is executed elsewhere, such as CI."""
    text = (ROOT / source).read_text(encoding="utf-8")
    for line in block.text.splitlines():
        command = line.partition(" #")[0].strip()
        if not re.search(rf"{re.escape(command)}(?![\w-])", text):
            raise DocsError(f"{block.where}: {source} does not run `{command}`")


def check_interface(block: Block, module_name: str) -> None:
    """Classes, methods and signatures of the block are those of the module."""
    module = importlib.import_module(module_name)
    for node in ast.parse(block.text).body:
        if not isinstance(node, ast.ClassDef):
            continue
        shown = _signatures(node)
        actual = _signatures(_class_of(module, node.name, block))
        if shown != actual:
            different = sorted(
                name for name in shown | actual if shown.get(name) != actual.get(name)
            )
            raise DocsError(
                f"{block.where}: {node.name} differs from {module_name} in {', '.join(different)}"
            )


def _class_of(module: ModuleType, name: str, block: Block) -> ast.ClassDef:
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        raise DocsError(f"{block.where}: {module.__name__} has no class {name}")
    tree = ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]
    assert isinstance(tree, ast.ClassDef)
    return tree


def _signatures(node: ast.ClassDef) -> dict[str, str]:
    """Public names of a class: methods with their arguments, attributes with their types."""
    names: dict[str, str] = {}
    for member in node.body:
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
            returns = ast.unparse(member.returns) if member.returns else ""
            kind = "async def" if isinstance(member, ast.AsyncFunctionDef) else "def"
            names[member.name] = f"{kind} ({ast.unparse(member.args)}) -> {returns}"
        elif isinstance(member, ast.AnnAssign):
            names[ast.unparse(member.target)] = ast.unparse(member.annotation)
    return {name: text for name, text in names.items() if not name.startswith("_")}


def check_output(where: str, command: str, expected: str, actual: str) -> None:
    """Output is as the page shows it; `…` stands for any text, and alone on a line for any lines.

    Space at line ends does not count.
    """
    pattern = ""
    for line in expected.rstrip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"\n"
    lines = "".join(f"{line.rstrip()}\n" for line in actual.rstrip().splitlines())
    if not re.fullmatch(pattern, lines):
        raise DocsError(
            f"{where}: `{command}` printed something else:\n"
            f"--- the page\n{expected.rstrip()}\n--- the command\n{lines}"
        )

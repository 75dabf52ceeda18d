"""The fenced blocks of a Markdown page, with the comments that say how each is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]

DIRECTIVES = frozenset({"exit", "file", "from", "interface", "picture", "run by"})
"""What a comment directly above a block can say, as `<!-- name: value -->`."""

_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->", re.DOTALL)


class DocsError(Exception):
    """An example that cannot be executed, or does not do what the page says."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block of a page.

    Attributes:
        page: the page, relative to the repository.
        line: of the opening fence, from 1.
        language: the word after the fence, "" if there is none.
        text: the content, with a final line end.
        directives: what the comments above it say.
    """

    page: str
    line: int
    language: str
    text: str
    directives: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page: its blocks in order, and the server that its examples name, if any."""

    path: str
    server: dict[str, str]
    blocks: list[Block]


def pages() -> list[Path]:
    """Every page that can hold an example."""
    return [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
    ]


def parse(path: Path) -> Page:
    """Read a page.

    Raises:
        DocsError: a comment is not one that the harness knows.
    """
    name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
    server: dict[str, str] = {}
    blocks: list[Block] = []
    directives: dict[str, str] = {}
    for token in MarkdownIt().parse(path.read_text(encoding="utf-8")):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "html_block":
            for comment in _COMMENT.findall(token.content):
                key, _, value = (part.strip() for part in comment.partition(":"))
                if key == "server":
                    server = dict(word.split("=", 1) for word in value.split())
                elif key in DIRECTIVES:
                    directives[key] = value
                else:
                    raise DocsError(
                        f"{name}:{line}: <!-- {key} --> is not a directive; "
                        f"there are server, {', '.join(sorted(DIRECTIVES))}"
                    )
            continue
        if token.type == "fence":
            language = token.info.split()[0] if token.info.strip() else ""
            blocks.append(
                Block(
                    page=name,
                    line=line,
                    language=language,
                    text=token.content,
                    directives=directives,
                )
            )
        elif directives:
            raise DocsError(f"{name}:{line}: a directive is not directly above a block")
        directives = {}
    return Page(path=name, server=server, blocks=blocks)

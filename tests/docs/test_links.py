"""Links between the pages lead somewhere, and every change's fragment is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from .blocks import ROOT, pages

PAGES = [*pages(), ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", ROOT / "STYLE.md"]
FRAGMENT = re.compile(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md")


def links(path: Path) -> list[str]:
    tokens = MarkdownIt().enable("table").parse(path.read_text(encoding="utf-8"))
    inline = [child for token in tokens for child in token.children or ()]
    targets = [str(child.attrs["href"]) for child in inline if child.type == "link_open"]
    return [target for target in targets if not target.startswith(("http://", "https://"))]


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_page_and_a_heading(page: Path) -> None:
    broken = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
    in_folder = set((ROOT / "docs").glob("*.md")) - {index}
    assert sorted(path.name for path in in_folder - listed) == []


def test_every_fragment_has_the_name_that_contributing_asks_for() -> None:
    names = {path.name for path in (ROOT / "changes").iterdir()} - {"README.md"}
    assert [name for name in sorted(names) if not FRAGMENT.fullmatch(name)] == []

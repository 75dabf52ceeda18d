"""A page is read into blocks, and a comment that nobody knows is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from .blocks import DocsError, parse


def page(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_block_has_its_line_language_text_and_directives(tmp_path: Path) -> None:
    path = page(tmp_path, "# A\n\n<!-- file: a.py -->\n<!-- from: b.py -->\n```python\n1\n```\n")
    (block,) = parse(path).blocks
    assert (block.line, block.language, block.text) == (5, "python", "1\n")
    assert block.directives == {"file": "a.py", "from": "b.py"}


def test_a_directive_belongs_to_the_next_block_only(tmp_path: Path) -> None:
    path = page(tmp_path, "<!-- file: a.py -->\n```python\n1\n```\n\n```python\n2\n```\n")
    assert [block.directives for block in parse(path).blocks] == [{"file": "a.py"}, {}]


def test_a_block_in_a_list_is_found(tmp_path: Path) -> None:
    path = page(tmp_path, "- item\n\n  ```bash\n  true\n  ```\n")
    assert [block.text for block in parse(path).blocks] == ["true\n"]


def test_the_server_is_the_pages(tmp_path: Path) -> None:
    path = page(tmp_path, "<!-- server: host=localhost port=5432 -->\n\n# A\n")
    assert parse(path).server == {"host": "localhost", "port": "5432"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- skip -->\n```bash\ntrue\n```\n", "<!-- skip --> is not a directive"),
        ("<!-- file: a -->\n\ntext\n", "is not directly above a block"),
    ],
)
def test_a_directive_without_effect_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DocsError, match=message):
        parse(page(tmp_path, text))

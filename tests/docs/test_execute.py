"""A page whose examples do not hold fails, whatever is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from .blocks import DocsError, parse
from .execute import PageRun


def run(tmp_path: Path, environment: dict[str, str], text: str, **replace: str) -> Path:
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    folder = tmp_path / "page"
    folder.mkdir()
    PageRun(parse(path), folder, environment, replace=replace).run()
    return folder


def test_blocks_share_files_and_the_current_folder(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    text = (
        "```bash\nmkdir inner\ncd inner\n```\n"
        "<!-- file: hello.py -->\n```python\nprint('hello')\n```\n"
        "```console\n$ python hello.py\nhello\n$ basename $PWD\ninner\n```\n"
    )
    folder = run(tmp_path, environment, text)
    assert (folder / "inner" / "hello.py").is_file()


def test_a_word_that_differs_on_this_machine_is_replaced_whole(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    text = "```console\n$ echo 5432 15432 | tr 0-9 a-j\nbcde bfedc\n```\n"
    run(tmp_path, environment, text, **{"5432": "1234"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```\nls\n```\n", "nothing executes this `` block"),
        ("```ini\na=1\n```\n", "nothing executes this `ini` block"),
        ("```text\nls\n```\n", "nothing executes this `text` block"),
        ("<!-- picture -->\n```bash\nls\n```\n", "a picture is a `text` block"),
        ("```bash\nfalse\ntrue\n```\n", "exit status 1, expected 0"),
        ("```bash\nno-such-command | true\n```\n", "exit status 127"),
        ("<!-- exit: 3 -->\n```bash\ntrue\n```\n", "exit status 0, expected 3"),
        ("```console\n$ echo one\ntwo\n```\n", "printed something else"),
        ("```console\necho one\n```\n", "begins with `\\$ ` and a command"),
        ("```python\nraise SystemExit(2)\n```\n", "exit status 2"),
        ("<!-- file: a.py -->\n```python\nx: int = 'a'\n```\n", "Incompatible types"),
        ("```yaml\nworkload: quickstart\nworkrs: 4\n```\n", "did you mean workers?"),
        ("<!-- file: c.yaml -->\n```yaml\nworkload: [\n```\n", "exit status 1"),
    ],
)
def test_an_example_that_does_not_hold_fails_the_page(
    tmp_path: Path, environment: dict[str, str], text: str, message: str
) -> None:
    with pytest.raises(DocsError, match=message):
        run(tmp_path, environment, text)

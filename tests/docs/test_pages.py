"""Every page of the documentation, executed."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from .blocks import ROOT, pages, parse
from .environment import start_server
from .execute import PageRun


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_does_what_the_page_says(
    path: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    page = parse(path)
    folder = tmp_path / "page"
    if path.parent.is_relative_to(ROOT / "examples" / "plugins"):
        shutil.copytree(path.parent, folder)  # such a page speaks of the folder that it lies in
    else:
        folder.mkdir()
    with ExitStack() as stack:
        replace = stack.enter_context(start_server(page.server)) if page.server else {}
        PageRun(page, folder, environment, replace=replace).run()

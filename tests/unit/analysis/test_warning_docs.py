"""The page about reports lists every warning that there is, with its weight."""

from __future__ import annotations

import re
from pathlib import Path

from stormdb.analysis import warning_rules

ROOT = Path(__file__).parents[3]
WORDS = {"untrusted": "do not trust", "doubt": "doubt", "note": "note"}


def test_every_code_is_documented_with_its_weight() -> None:
    source = Path(warning_rules.__file__).read_text()
    raised: dict[str, set[str]] = {}
    for weight, code in re.findall(r'_(untrusted|doubt|note)\(\s*"(\w+)"', source):
        raised.setdefault(code, set()).add(WORDS[weight])
    page = (ROOT / "docs" / "reading-a-report.md").read_text()
    listed = {
        code: set(weight.split(", or "))
        for code, weight in re.findall(r"^\| `(\w+)` \| ([a-z ,]+) \|", page, re.MULTILINE)
    }
    assert len(raised) > 20
    assert listed == raised

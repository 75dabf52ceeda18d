"""What an author reads about each mistake; one snapshot holds all the messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.described import refusal
from tests.unit.workload.mistakes import MISTAKES

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

LINES = (Path(__file__).parent / "mistakes.py").read_text().splitlines()


def lines_of(name: str) -> range:
    """Where a mistake stands."""
    code = MISTAKES[name].__code__
    return range(code.co_firstlineno, max(line or 0 for *_, line in code.co_lines()) + 1)


@pytest.mark.parametrize("name", MISTAKES)
def test_each_is_refused_at_its_own_line(name: str) -> None:
    error = refusal(MISTAKES[name])
    file, _, line = str(error.where).rpartition(":")
    if "sends nothing" in error.message:
        assert file == "tests/support/described.py"
        return
    assert file == "tests/unit/workload/mistakes.py"
    is_helper = "return tx.let(" in LINES[int(line) - 1]
    assert int(line) in lines_of(name) or is_helper


def test_messages(snapshot: SnapshotAssertion) -> None:
    text = []
    for mistake in MISTAKES.values():
        error = refusal(mistake)
        source = LINES[int(str(error.where).rpartition(":")[2]) - 1].strip()
        hint = f"; hint: {error.hint}" if error.hint else ""
        source = source.removeprefix("lambda tx: ").partition("  # noqa")[0].removesuffix(",")
        text += [f"{source}  ->  {error.message}{hint}"]
    shown = re.sub(r"tests/unit/workload/(mistakes.py):\d+", r"\1:LINE", "\n".join(text))
    assert shown == snapshot

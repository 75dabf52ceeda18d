"""Messages for files that cannot be used. Read the snapshot as a user would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from stormdb.config import ConfigProblemsError, load

FOLDER = Path(__file__).parent / "malformed"
FILES = sorted(FOLDER.glob("*.yaml"))
ENVIRON = {"DB_PASSWORD": "hush", "HOME": "/home/user", "DURATION": "5s"}


@pytest.fixture(autouse=True)
def _in_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


def _problems(name: str) -> str:
    with pytest.raises(ConfigProblemsError) as caught:
        load(Path(name), environ=ENVIRON)
    return "\n".join(str(problem) for problem in caught.value.problems)


def test_every_malformed_file_has_messages_that_help(snapshot: SnapshotAssertion) -> None:
    assert "\n\n".join(_problems(file.name) for file in FILES) + "\n" == snapshot


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_line_names_the_file_and_follows_the_style(file: Path) -> None:
    for line in _problems(file.name).splitlines():
        assert line.startswith(f"{file.name}:")
        assert not line.endswith(".")
        assert "hush" not in line
        assert not re.search(r"\b(None|[Ii]nvalid|pydantic|failed|Traceback)\b", line)

"""Every key with every kind of wrong value: always our words, never a traceback."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stormdb.config import ConfigProblemsError, load
from stormdb.config.keys import all_keys

VALUES: list[Any] = [
    *("", "x", "p99 < 1s", "a" * 200, 0, -1, 5, 2**70, 1.5, -1e300, 1e300, True, [], [5], ["x"]),
    *([[]], [{}], [None], [{"name": "a"}], {}, {"a": 1}, {"a": {"b": [None]}}, {"type": []}),
]
PATHS = [path for path in all_keys() if path[-1] != "*"]


def _nest(path: tuple[str, ...], value: Any) -> Any:
    for part in reversed(path):
        value = [value] if part == "*" else {part: value}
    return value


@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_any_value_is_taken_or_explained(path: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    for value in VALUES:
        YAML().dump(_nest(path, value), file)
        try:
            load(file, workload=None if path == ("workload",) else "x", environ={})
        except ConfigProblemsError as error:
            for problem in error.problems:
                assert problem.origin
                assert problem.message
                assert not re.search(
                    r"\b(None|pydantic|[Ii]nvalid|Input|PydanticUndef)", str(problem)
                )
                assert len(str(problem)) < 600

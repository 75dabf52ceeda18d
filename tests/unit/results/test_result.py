"""What a result says about the executor."""

from __future__ import annotations

import pytest

from stormdb.results import ExecutorInfo


@pytest.mark.parametrize(
    ("info", "count", "words"),
    [
        (ExecutorInfo(kind="native"), 1, "1 engine thread"),
        (ExecutorInfo(kind="native", threads=3), 3, "3 engine threads"),
        (ExecutorInfo(kind="coroutine"), 1, "1 worker process"),
        (ExecutorInfo(kind="coroutine", processes=2), 2, "2 worker processes"),
    ],
)
def test_its_parts_are_threads_or_processes(info: ExecutorInfo, count: int, words: str) -> None:
    assert info.part_count == count
    assert info.parts(count) == words

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from stormdb.plugins import places

HERE = __file__
DUMP = """Fatal Python error: Segmentation fault

Current thread 0x00007f (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/plugins/shop/load.py", line 9 in fill
  File "/plugins/shop/__init__.py", line 3 in setup
"""


def fail() -> None:
    int("x")  # the innermost line of this file


def test_of_traceback_is_the_innermost_line_of_the_plugin() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        fail()
    place = places.of_traceback(caught.value.__traceback__, [HERE])
    assert place is not None
    assert place["text"] == 'int("x")  # the innermost line of this file'
    assert place["function"] == "fail"


def test_code_outside_of_the_plugin_has_no_place() -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        fail()
    assert places.of_traceback(caught.value.__traceback__, ["/elsewhere"]) is None
    assert places.of_traceback(caught.value.__traceback__, [HERE[:-4]]) is None


def test_of_frame_looks_outwards() -> None:
    frames: list[Any] = []
    sorted([1], key=lambda _: frames.append(sys._getframe()))
    place = places.of_frame(frames[0], [str(Path(HERE).parent)])
    assert place is not None
    assert place["file"] == HERE


async def test_of_coroutine_follows_what_is_awaited() -> None:
    async def inner() -> None:
        await asyncio.sleep(60)

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    place = places.of_coroutine(task.get_coro(), [HERE])
    task.cancel()
    assert place is not None
    assert place["text"] == "await asyncio.sleep(60)"


def test_of_dump_is_the_innermost_line_of_the_plugin() -> None:
    place = places.of_dump(DUMP, ["/plugins/shop"])
    assert place is not None
    assert (place["file"], place["line"], place["function"]) == ("/plugins/shop/load.py", 9, "fill")
    assert places.of_dump(DUMP, ["/plugins/other"]) is None
    assert places.of_dump("", ["/plugins/shop"]) is None

from __future__ import annotations

import pytest

from stormdb.errors import PluginError
from stormdb.plugins.uv import run_uv


async def test_what_uv_says_is_told_as_one_sentence() -> None:
    with pytest.raises(PluginError) as caught:
        await run_uv("pip", "no-such-command", what="plugin shop: its packages", where="shop.py")
    text = str(caught.value)
    assert text.startswith("shop.py: plugin shop: its packages: unrecognized subcommand")
    assert "\n" not in text


async def test_without_uv_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(PluginError, match=r"there is no uv, .*; hint: install stormdb again"):
        await run_uv("--version", what="uv")

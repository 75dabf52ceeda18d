from __future__ import annotations

from dataclasses import replace

import pytest

from stormdb.plugins import Host, Kind, PluginRecord
from stormdb.plugins.settings import DefaultLimits

RECORD = PluginRecord(name="shop", kind=Kind.FILE, source="shop.py")


@pytest.mark.parametrize(
    ("landlock", "told"),
    [(0, "its files and TCP ports are not"), (3, "its TCP ports are not"), (4, "")],
)
def test_bounds_that_the_system_does_not_offer_are_told(landlock: int, told: str) -> None:
    host = Host(RECORD, DefaultLimits())
    host.landlock = landlock
    assert told in host.openness
    assert bool(told) == bool(host.openness)


def test_nothing_is_told_of_bounds_that_nobody_asked_for() -> None:
    assert Host(RECORD, DefaultLimits(sandbox="off")).openness == ""
    builtin = replace(RECORD, kind=Kind.BUILTIN)
    assert Host(builtin, DefaultLimits()).openness == ""

"""Colours that can be read whatever the terminal's background is."""

from __future__ import annotations

import pytest
from rich.color import Color

from stormdb.report.styles import BAR, DOUBT, GOOD


def luminance(name: str) -> float:
    """Relative luminance. Source: WCAG 2.1."""
    parts = [part / 255 for part in Color.parse(name).get_truecolor()]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", [GOOD, DOUBT, BAR])
def test_it_stands_out_on_white_and_on_black(name: str) -> None:
    assert 1.05 / (luminance(name) + 0.05) > 3.5
    assert (luminance(name) + 0.05) / 0.05 > 3.5

"""Colours of the reports: each can be read on dark and on light backgrounds.

The usual green, yellow and cyan of terminals are too pale on white.
"""

from __future__ import annotations

__all__ = ["ALARM", "BAR", "DOUBT", "GOOD"]

GOOD = "green4"
DOUBT = "dark_orange3"
ALARM = "red"
BAR = "turquoise4"

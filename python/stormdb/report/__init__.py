"""What people and programs see of a run: live view, plain lines, final report, files."""

from __future__ import annotations

import sys

from stormdb.report.exports import Exports
from stormdb.report.live import LiveView
from stormdb.report.plain import PlainView
from stormdb.report.terminal import print_report

__all__ = ["Exports", "LiveView", "PlainView", "print_report", "view_for"]


def view_for(summary_interval_ns: int) -> LiveView | PlainView:
    """The view that fits standard error: live on a terminal, plain lines elsewhere.

    Use it in a `with` block: it gives the terminal back however the run ends.

    Args:
        summary_interval_ns: time between two plain lines; 0 for none.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(sys.stderr)
    return PlainView(summary_interval_ns, sys.stderr)

"""What a run shows while it goes on, and what it writes in the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb.analysis import Summary
    from stormdb.cli.flags import OutputFlags
    from stormdb.config import RunConfig
    from stormdb.results import RunResult

__all__ = ["open_view", "write_outputs"]


def open_view(output: OutputFlags, config: RunConfig) -> PlainView:
    from stormdb.report import PlainView

    return PlainView(config.summary_interval_ns)


def write_outputs(output: OutputFlags, result: RunResult, summary: Summary) -> None:
    from stormdb.report import print_report

    if not output.quiet:
        print_report(summary)

"""What people and programs see of a run: live view, plain lines, final report, files."""

from stormdb.report.exports import Exports
from stormdb.report.live import LiveView
from stormdb.report.plain import PlainView
from stormdb.report.terminal import print_report

__all__ = ["Exports", "LiveView", "PlainView", "print_report"]

"""Log records of plugin code, put into this process's log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormdb.run.events import LogRecord

__all__ = ["forward_log"]


def forward_log(record: LogRecord) -> None:
    """Log what plugin code logged or printed, under `stormdb.plugin.<name>`."""
    log = logging.getLogger(f"stormdb.plugin.{record.plugin}")
    level = logging.getLevelNamesMapping().get(record.level.upper(), logging.INFO)
    fields = {}
    if record.process != "host":
        fields["process_name"] = record.process
    if record.logger:
        fields["source"] = record.logger
    log.log(level, "%s", record.message, extra=fields)

"""The order of a run: server, checks, schema, load, drain, verify."""

from stormdb.run.events import LoadInfo, LogRecord, RunEvents, Silent, Stage
from stormdb.run.session import RunOptions, Session

__all__ = [
    "LoadInfo",
    "LogRecord",
    "RunEvents",
    "RunOptions",
    "Session",
    "Silent",
    "Stage",
]

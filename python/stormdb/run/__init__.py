"""The order of a run: server, checks, schema, load, drain, verify."""

from stormdb.run.events import LoadInfo, LogRecord, RunEvents, Silent, Stage

__all__ = ["LoadInfo", "LogRecord", "RunEvents", "Silent", "Stage"]

"""Structured logging for the controller and its child processes; secrets never get through."""

from stormdb.logs.redaction import Redactor
from stormdb.logs.setup import LogFormat, configure, hide, redact, sql_tracer

__all__ = ["LogFormat", "Redactor", "configure", "hide", "redact", "sql_tracer"]

"""Arithmetic over a result: summary, intervals of confidence, warnings, thresholds."""

from stormdb.analysis.summarise import summarise
from stormdb.analysis.summary import Severity, Summary

__all__ = ["Severity", "Summary", "summarise"]

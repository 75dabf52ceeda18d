"""Arithmetic over a result: summary, intervals of confidence, warnings, thresholds."""

from stormdb.analysis.summarise import summarise
from stormdb.analysis.summary import Severity, Summary
from stormdb.analysis.together import RunSummary, Together, summarise_run

__all__ = ["RunSummary", "Severity", "Summary", "Together", "summarise", "summarise_run"]

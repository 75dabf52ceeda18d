"""The generator's ceiling on this machine: measured against canned answers, kept in the cache."""

from stormdb.calibration.store import load, machine, save

__all__ = ["load", "machine", "save"]

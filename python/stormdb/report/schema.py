"""Prints the JSON schema of the report: `python -m stormdb.report.schema [run]`."""

from __future__ import annotations

import json
import sys

from stormdb.report.export_json import Report, RunReport, json_schema

__all__: list[str] = []

_REPORT: type[Report | RunReport] = RunReport if "run" in sys.argv[1:] else Report

if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(_REPORT), indent=2) + "\n")

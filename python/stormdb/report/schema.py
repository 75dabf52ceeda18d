"""Prints the JSON schema of the report: `python -m stormdb.report.schema`."""

from __future__ import annotations

import json
import sys

from stormdb.report.export_json import json_schema

__all__: list[str] = []

if __name__ == "__main__":
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")

"""The report as JSON, and the schema of that."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from stormdb.analysis import Summary
from stormdb.analysis import summary as summaries
from stormdb.analysis.timeline import Timeline, merged_snapshot
from stormdb.results import result as results

if TYPE_CHECKING:
    from stormdb.results import RunResult

__all__ = ["FORMAT", "HistogramExport", "Report", "json_report", "json_schema"]

FORMAT: Literal["stormdb.report/1"] = "stormdb.report/1"
_TIMES = ("response_time", "service_time", "schedule_lag", "failed_service_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramExport:
    """One time of one row over the steady phases, to merge and to compute other quantiles from.

    Attributes:
        row: name of the transaction or operation.
        kind: `transaction` or `operation`.
        time: `response_time`, `service_time`, `schedule_lag` or `failed_service_time`.
        count: samples.
        hdr_v2_base64: HdrHistogram V2 compressed, base64; nanoseconds, 3 significant digits.
    """

    row: str
    kind: Literal["transaction", "operation"]
    time: str
    count: int
    hdr_v2_base64: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(Summary):
    """A run of stormdb: what was run, where, what was measured, and what to doubt.

    Times are integer nanoseconds, rates are per second, ratios are 0 to 1. Unless a description
    says otherwise a number is about the steady phases. A later stormdb may add keys within a
    version of the format; it never takes one away or changes what one means.

    Attributes:
        format: name and version of the format.
        trusted: whether nothing was seen that makes the numbers worthless.
        met: whether every threshold was met; true without thresholds.
        histograms: the distributions themselves.
    """

    format: Literal["stormdb.report/1"] = FORMAT
    trusted: bool
    met: bool
    histograms: tuple[HistogramExport, ...]


def json_report(summarised: Summary, result: RunResult) -> bytes:
    """The whole report as one JSON document, indented, with a line break at its end."""
    from pydantic import TypeAdapter

    values = {field.name: getattr(summarised, field.name) for field in fields(Summary)}
    report = Report(
        **values,
        trusted=summarised.is_trusted,
        met=summarised.is_met,
        histograms=tuple(_histograms(result)),
    )
    document = TypeAdapter(Report).dump_python(report, mode="json")
    first = {key: document.pop(key) for key in ("format", "trusted", "met")}
    return json.dumps(first | document, indent=1, ensure_ascii=False).encode() + b"\n"


def _histograms(result: RunResult) -> Iterator[HistogramExport]:
    whole = merged_snapshot(result.intervals)
    if whole is None:
        return
    for cell in whole.row_totals(Timeline.of(result).steady_phases):
        for time in _TIMES:
            histogram = getattr(cell, time)
            if histogram.count:
                yield HistogramExport(
                    row=cell.name,
                    kind=cell.kind,
                    time=time,
                    count=histogram.count,
                    hdr_v2_base64=base64.b64encode(histogram.encode_v2()).decode(),
                )


def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of the report, described by the docstrings of its classes."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Report).json_schema(mode="serialization")
    classes = {"Report": Report, "HistogramExport": HistogramExport}
    for module in (summaries, results):
        classes |= dict(inspect.getmembers(module, inspect.isclass))
    for name, part in {**schema.pop("$defs"), "Report": schema}.items():
        _describe(part, classes[name])
        if part is not schema:
            schema.setdefault("$defs", {})[name] = part
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stormdb report",
        **schema,
    }


def _describe(part: dict[str, Any], described: type) -> None:
    """Put a class's docstring into its part of the schema, attribute by attribute."""
    text = ""
    for base in reversed(described.__mro__):
        if base.__module__.startswith("stormdb."):
            text = inspect.cleandoc(base.__doc__ or "")
            for name, meaning in re.findall(r"^    (\w+): (.+(?:\n      .+)*)", text, re.MULTILINE):
                if name in part.get("properties", {}):
                    part["properties"][name]["description"] = " ".join(meaning.split())
    part["description"] = " ".join(text.partition("\n\nAttributes:")[0].split())

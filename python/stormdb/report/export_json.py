"""The report as JSON, and the schema of that."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from stormdb.analysis import Summary, Together
from stormdb.analysis import summary as summary_classes
from stormdb.analysis import together as together_classes
from stormdb.analysis.timeline import Timeline, merged_snapshot
from stormdb.results import result as result_classes

if TYPE_CHECKING:
    from stormdb.analysis import RunSummary
    from stormdb.results import RunResult

__all__ = [
    "FORMAT",
    "RUN_FORMAT",
    "HistogramExport",
    "Report",
    "RunReport",
    "json_report",
    "json_schema",
]

FORMAT: Literal["stormdb.report/1"] = "stormdb.report/1"
RUN_FORMAT: Literal["stormdb.run/1"] = "stormdb.run/1"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run of several workloads: each of them, and all together on the clock of the run.

    Attributes:
        format: name and version of the format.
        trusted: whether nothing was seen that makes the numbers of a workload worthless.
        met: whether every threshold was met, of each workload and of all; true without thresholds.
        together: the workloads as one.
        workloads: each of them, as the report of a run of its own.
    """

    format: Literal["stormdb.run/1"] = RUN_FORMAT
    trusted: bool
    met: bool
    together: Together
    workloads: tuple[Report, ...]


def json_report(run: RunSummary) -> bytes:
    """The whole report as one JSON document, indented, with a line break at its end.

    That of a run of one workload is its `Report`, of several a `RunReport`.
    """
    from pydantic import TypeAdapter

    reports = tuple(_report(*pair) for pair in zip(run.workloads, run.results, strict=True))
    report: Report | RunReport = reports[0]
    if len(reports) > 1:
        report = RunReport(
            trusted=all(one.trusted for one in reports),
            met=all(outcome.is_met for outcome in run.together.thresholds)
            and all(one.met for one in reports),
            together=run.together,
            workloads=reports,
        )
    document = TypeAdapter(type(report)).dump_python(report, mode="json")
    return json.dumps(_head_first(document), indent=1, ensure_ascii=False).encode() + b"\n"


def _report(summarised: Summary, result: RunResult) -> Report:
    values = {field.name: getattr(summarised, field.name) for field in fields(Summary)}
    return Report(
        **values,
        trusted=summarised.is_trusted,
        met=summarised.is_met,
        histograms=tuple(_histograms(result)),
    )


def _head_first(document: dict[str, Any]) -> dict[str, Any]:
    first = {key: document.pop(key) for key in ("format", "trusted", "met")}
    if "workloads" in document:
        document["workloads"] = [_head_first(one) for one in document["workloads"]]
    return first | document


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


def json_schema(report: type[Report | RunReport] = Report) -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a report, described by the docstrings of its classes."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(report).json_schema(mode="serialization")
    classes = {"Report": Report, "HistogramExport": HistogramExport, "RunReport": RunReport}
    for module in (summary_classes, together_classes, result_classes):
        classes |= dict(inspect.getmembers(module, inspect.isclass))
    for name, part in {**schema.pop("$defs"), report.__name__: schema}.items():
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

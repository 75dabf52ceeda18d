"""The JSON report, its schema, and that both are what is published."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stormdb._native import Histogram
from stormdb.analysis import summarise_run
from stormdb.config.thresholds import parse_threshold
from stormdb.report.export_json import FORMAT, RunReport, json_report, json_schema
from stormdb.results import RunResult
from tests.support.measured import MS_NS
from tests.unit.report import results

SCHEMAS = Path(__file__).parents[3] / "docs" / "schema"
PUBLISHED = SCHEMAS / "report-v1.json"
MAKERS = [results.stalled, results.simple, results.broken, results.empty]


def report_of(result: RunResult) -> dict[str, Any]:
    thresholds = [parse_threshold("p99 < 20ms"), parse_threshold("zebra.p99 < 1ms")]
    document: dict[str, Any] = json.loads(
        json_report(summarise_run([result], {result.name: thresholds}))
    )
    return document


def objects_of(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and each of its definitions."""
    yield schema
    yield from schema["$defs"].values()


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, but with no key that it does not know."""
    closed = deepcopy(schema)
    for part in objects_of(closed):
        if "properties" in part:
            part["additionalProperties"] = False
    return closed


def test_the_published_schema_is_that_of_the_code() -> None:
    # To publish a change: `python -m stormdb.report.schema > docs/schema/report-v1.json`.
    # That of several workloads: `python -m stormdb.report.schema run > docs/schema/run-v1.json`.
    assert json.loads(PUBLISHED.read_text()) == json_schema()
    assert json.loads((SCHEMAS / "run-v1.json").read_text()) == json_schema(RunReport)


def test_the_published_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(json.loads(PUBLISHED.read_text()))


@pytest.mark.parametrize("make", MAKERS)
def test_every_report_obeys_the_published_schema(make: Callable[[], RunResult]) -> None:
    schema = json.loads(PUBLISHED.read_text())
    Draft202012Validator(schema).validate(report_of(make()))
    # And it has no key that the schema does not describe.
    Draft202012Validator(strict(schema)).validate(report_of(make()))


def test_the_schema_refuses_what_is_no_report() -> None:
    validator = Draft202012Validator(json.loads(PUBLISHED.read_text()))
    report = report_of(results.simple())
    assert not validator.is_valid(report | {"format": "stormdb.report/2"})
    assert not validator.is_valid({k: v for k, v in report.items() if k != "throughput"})
    assert not validator.is_valid(report | {"steady_ns": "long"})


def test_every_key_is_described() -> None:
    for part in objects_of(json_schema()):
        assert part["description"] or "enum" in part
        for name, prop in part.get("properties", {}).items():
            assert prop.get("description"), name


def test_names_carry_units() -> None:
    plain = {"interval_index", "process_index", "version_num", "port", "seed", "workers"}
    plain |= {"connections", "processes", "threads"}
    plain |= {"count", "autocorrelation", "effective_count"}
    plain |= {"value", "mean", "min", "p50", "p95", "p99", "max", "cpus"}
    endings = ("_ns", "per_s", "_ratio", "_count", "_bytes")
    for part in objects_of(json_schema()):
        for name, prop in part.get("properties", {}).items():
            kinds = {prop.get("type"), *(option.get("type") for option in prop.get("anyOf", ()))}
            if kinds & {"integer", "number"} and name not in plain:
                assert name.endswith(endings), name


def test_the_head_says_what_it_is_and_whether_to_believe_it() -> None:
    report = report_of(results.stalled())
    assert list(report)[:3] == ["format", "trusted", "met"]
    assert (report["format"], report["trusted"], report["met"]) == (FORMAT, True, False)
    assert report_of(results.broken())["trusted"] is False


def test_histograms_give_the_quantiles_of_the_report() -> None:
    report = report_of(results.stalled())
    rows = {row["name"]: row for row in report["transactions"] + report["operations"]}
    assert len(report["histograms"]) == 2 * 3 + 2 + 2
    for exported in report["histograms"]:
        histogram = Histogram.decode_v2(base64.b64decode(exported["hdr_v2_base64"]))
        stats = rows[exported["row"]][exported["time"]]
        assert histogram.count == exported["count"] == stats["count"]
        assert histogram.quantile(0.99) == stats["p99_ns"]


def test_numbers_are_those_of_the_summary() -> None:
    run = summarise_run([results.simple()])
    (summary,) = run.workloads
    report = json.loads(json_report(run))
    assert report["throughput"]["per_s"] == summary.throughput.per_s
    assert report["total"]["response_time"] is None
    assert report["run"]["started_at"] == "2026-03-01T12:00:00Z"
    assert len(report["intervals"]) == len(summary.intervals)
    assert report["intervals"][0]["time_p50_ns"] == pytest.approx(8.8 * MS_NS, rel=0.05)


def test_custom_metrics_are_in_the_time_line() -> None:
    report = report_of(results.stalled())
    second = report["intervals"][7]
    assert second["counters"] == [{"name": "cache_miss", "count": 3, "rate_per_s": 3.0}]
    (value,) = second["values"]
    assert (value["name"], value["count"], value["min"]) == ("rows_per_batch", 1, 10.0)
    # Those of the whole are the sums over the steady intervals.
    steady = [point for point in report["intervals"] if point["role"] == "steady"]
    counted = sum(counter["count"] for point in steady for counter in point["counters"])
    assert [counter["count"] for counter in report["counters"]] == [counted]
    recorded = sum(value["count"] for point in steady for value in point["values"])
    assert [value["count"] for value in report["values"]] == [recorded]


def test_the_document_is_text_that_ends_with_a_line_break() -> None:
    raw = json_report(summarise_run([results.broken()]))
    assert raw.endswith(b"}\n")
    assert 'relation \\"account\\" does not exist' in raw.decode()
    assert "NaN" not in raw.decode()

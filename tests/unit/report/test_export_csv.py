"""The time line as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from stormdb._native import Recorder
from stormdb.report.export_csv import COLUMNS, csv_report
from stormdb.results import RunResult
from tests.support.measured import MS_NS, Outcome, open_run
from tests.unit.report import results


def rows_of(result: RunResult) -> list[dict[str, str]]:
    text = b"".join(csv_report([result])).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_header_is_stable() -> None:
    # Columns may be added at the end only: somebody's spreadsheet reads the others.
    assert COLUMNS[:15] == (
        "start_utc",
        "interval_index",
        "phase",
        "role",
        "start_s",
        "length_s",
        "kind",
        "row",
        "offered_count",
        "committed_count",
        "rolled_back_count",
        "failed_count",
        "retried_count",
        "dropped_count",
        "throughput_per_s",
    )
    assert COLUMNS[15:22] == (
        "response_time_mean_ns",
        "response_time_p50_ns",
        "response_time_p90_ns",
        "response_time_p95_ns",
        "response_time_p99_ns",
        "response_time_p999_ns",
        "response_time_max_ns",
    )
    assert COLUMNS[36:] == (
        "metric_count",
        "metric_rate_per_s",
        "metric_mean",
        "metric_min",
        "metric_p50",
        "metric_p95",
        "metric_p99",
        "metric_max",
        "workload",
    )


def test_transactions_of_an_interval_add_up_to_its_total() -> None:
    rows = rows_of(results.stalled())
    for index in range(40):
        mine = [row for row in rows if row["interval_index"] == str(index)]
        (total,) = [row for row in mine if row["kind"] == "total"]
        parts = [row for row in mine if row["kind"] == "transaction"]
        for column in ("committed_count", "failed_count", "retried_count"):
            assert int(total[column]) == sum(int(part[column]) for part in parts)
        assert total["offered_count"] != ""
        assert all(part["offered_count"] == "" for part in parts)


def test_values_are_those_that_were_recorded() -> None:
    result = open_run(
        [("warm-up", "warm_up", 1.0), ("steady", "steady", 1.5)],
        lambda index, at_ns: Outcome(service_ns=4 * MS_NS),
        rate_per_s=100,
    )
    rows = rows_of(result)
    total = [row for row in rows if row["kind"] == "total"][2]
    assert total["start_utc"] == "2026-03-01T12:00:02.000Z"
    assert (total["phase"], total["role"]) == ("steady", "steady")
    assert (total["start_s"], total["length_s"]) == ("2.000", "0.500")
    assert (total["offered_count"], total["committed_count"]) == ("50", "50")
    assert float(total["throughput_per_s"]) == 100
    assert int(total["response_time_p99_ns"]) == pytest.approx(4 * MS_NS, rel=1e-3)
    assert total["schedule_lag_max_ns"] == "0"


def test_custom_metrics_have_rows_of_their_own() -> None:
    def record(recorder: Recorder) -> None:
        recorder.count("hit", 3, 0)
        recorder.count("hit", 4, 1_250 * MS_NS)
        for number in (1.5, -2.0, 8.0):
            recorder.value("depth", number, 1_250 * MS_NS)

    result = open_run(
        [("steady", "steady", 1.5)],
        lambda index, at_ns: Outcome(service_ns=MS_NS),
        rate_per_s=10,
        extra=record,
    )
    metrics = [row for row in rows_of(result) if row["kind"] in {"counter", "value"}]
    assert [(row["interval_index"], row["kind"], row["row"]) for row in metrics] == [
        ("0", "counter", "hit"),
        ("1", "counter", "hit"),
        ("1", "value", "depth"),
    ]
    first, hit, depth = metrics
    assert (first["metric_count"], float(first["metric_rate_per_s"])) == ("3", 3)
    # The second interval is half a second long.
    assert (hit["metric_count"], float(hit["metric_rate_per_s"])) == ("4", 8)
    assert (hit["metric_mean"], hit["committed_count"], hit["service_time_p50_ns"]) == ("", "", "")
    assert (depth["metric_count"], depth["metric_rate_per_s"]) == ("3", "")
    assert (float(depth["metric_min"]), float(depth["metric_max"])) == (-2, 8)
    assert float(depth["metric_mean"]) == 2.5
    assert float(depth["metric_p50"]) == pytest.approx(1.5, rel=0.004)
    assert (depth["throughput_per_s"], depth["phase"]) == ("", "steady")


def test_the_table_is_rectangular() -> None:
    lines = b"".join(csv_report([results.stalled()])).decode().splitlines()
    assert {len(line) for line in csv.reader(lines)} == {len(COLUMNS)}
    kinds = {row["kind"] for row in rows_of(results.stalled())}
    assert kinds == {"total", "transaction", "operation", "counter", "value"}


def test_what_was_not_measured_is_empty() -> None:
    closed = rows_of(results.simple())[0]
    assert closed["response_time_p50_ns"] == ""
    assert closed["service_time_p50_ns"] != ""
    failed = rows_of(results.broken())[0]
    assert (failed["committed_count"], failed["service_time_p50_ns"]) == ("0", "")


def test_a_name_with_a_comma_stays_one_field() -> None:
    result = open_run(
        [("steady", "steady", 1.0)],
        lambda index, at_ns: Outcome(service_ns=MS_NS, row='read, then "write"'),
        rate_per_s=10,
    )
    assert 'read, then "write"' in {row["row"] for row in rows_of(result)}


def test_a_run_without_intervals_has_a_header() -> None:
    assert rows_of(results.empty()) == []

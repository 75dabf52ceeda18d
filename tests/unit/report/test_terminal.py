"""How the final report reads; its numbers are tested with the analysis."""

from __future__ import annotations

import io
import sys

import pytest
from syrupy.assertion import SnapshotAssertion

from stormdb._native import Recorder
from stormdb.analysis import summarise
from stormdb.config.thresholds import parse_threshold
from stormdb.report import print_report
from stormdb.results import RunResult
from tests.support.measured import MS_NS, Outcome, closed_run
from tests.unit.report import results

THRESHOLDS = (
    "p99 < 20ms",
    "error_ratio < 1%",
    "throughput > 200/s",
    "rows_per_batch.mean > 20",
    "transfr.p95 < 5ms",
    "p99.99 < 3s",
)


def report_of(result: RunResult, *thresholds: str, width: int | None = None) -> str:
    stream = io.StringIO()
    summary = summarise(result, [parse_threshold(text) for text in thresholds])
    print_report([summary], stream, width=width, again="stormdb -c bank.yaml --seed 7")
    return stream.getvalue()


def test_open_loop_with_all_there_is(snapshot: SnapshotAssertion) -> None:
    assert report_of(results.stalled(), *THRESHOLDS) == snapshot


def test_closed_loop_at_80_columns(snapshot: SnapshotAssertion) -> None:
    assert report_of(results.simple(), width=80) == snapshot


def test_a_run_that_failed(snapshot: SnapshotAssertion) -> None:
    assert report_of(results.broken(), "p99 < 20ms") == snapshot


def test_a_run_that_measured_nothing(snapshot: SnapshotAssertion) -> None:
    assert report_of(results.empty()) == snapshot


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("make", [results.stalled, results.simple, results.broken, results.empty])
def test_no_line_is_wider_than_asked_nor_ends_in_blanks(make: object, width: int) -> None:
    for line in report_of(make(), *THRESHOLDS, width=width).splitlines():  # type: ignore[operator]
        assert len(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_long_name_makes_way_for_the_numbers(width: int) -> None:
    def record(recorder: Recorder) -> None:
        recorder.count("count " * 20, 12_345_678, 0)
        recorder.value("size of rows per batch " * 5 + "_bytes", 123_456.789, 0)

    result = closed_run(
        [("steady " * 10, "steady", 3.0)],
        lambda worker, at_ns: Outcome(service_ns=50 * MS_NS, row=f"transfer {worker} " * 9),
        extra=record,
    )
    lines = report_of(result, width=width).splitlines()
    assert max(map(len, lines)) <= width
    numbers = {"transfer": "50.0 ms", "count": "12,345,678", "size": "120.6 KiB", "total": "240"}
    for name, number in numbers.items():
        row = next(line for line in lines if line.startswith(f"    {name}"))
        assert number in row
        assert row.count("…") == (name != "total")


def test_without_a_terminal_there_are_100_columns_and_no_colour() -> None:
    text = report_of(results.stalled())
    assert max(map(len, text.splitlines())) == 100
    assert "\x1b" not in text
    assert "\r" not in text


def test_all_numbers_of_the_tables_are_whole_at_80_columns() -> None:
    # Where there is no room a table drops columns; it never cuts a number short.
    assert "…" not in report_of(results.stalled(), *THRESHOLDS, width=80)


def test_characters_that_the_stream_cannot_write_become_marks() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    print_report([summarise(results.simple())], stream)
    stream.seek(0)
    text = stream.read()
    assert "stormdb 0.1.0 ? bank ? completed" in text
    assert "throughput" in text


def test_brackets_and_colons_of_users_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    result = closed_run(
        [("steady", "steady", 3.0)],
        lambda worker, at_ns: Outcome(service_ns=50 * MS_NS, row="[bold]get[/x]:boom:"),
        extra=lambda recorder: recorder.count("[a]", 1, 0),
    )
    print_report([summarise(result)], again="stormdb run x --set plugins.files=[/tmp/p.py]")
    text = capsys.readouterr().out
    assert "again  stormdb run x --set plugins.files=[/tmp/p.py]" in text
    assert "[a]  " in text
    missing = summarise(result, [parse_threshold("[bold]get[/x]:boom:.p99 < 1s")])
    print_report([missing])
    assert "[bold]get[/x]:boom:.p99 < 1s: 50.0 ms" in capsys.readouterr().out


def test_standard_output_is_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    print_report([summarise(results.simple())])
    assert "── result" in capsys.readouterr().out
    assert sys.stdout is not sys.__stderr__

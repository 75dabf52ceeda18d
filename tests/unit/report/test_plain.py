"""Progress as plain lines."""

from __future__ import annotations

import io
import re

import pytest
from syrupy.assertion import SnapshotAssertion

from stormdb._native import Recorder
from stormdb.report import PlainView
from stormdb.results import RunResult
from stormdb.run.events import LogRecord, Stage
from tests.support.measured import MS_NS, Outcome, open_run
from tests.unit.report import results


class Clock:
    """A monotonic clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_ns(self) -> int:
        return round(self.now_s * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("stormdb.report.plain.time", made)
    return made


def play(view: PlainView, result: RunResult) -> None:
    view.stage_started(Stage.LOAD, "bank")
    view.load_started(results.load_of(result))
    for snapshot in result.intervals:
        view.interval(result.workload, snapshot)
    view.stage_ended(Stage.LOAD, 40 * 10**9)
    view.finished([result])


def lines_of(stream: io.StringIO) -> list[str]:
    """Lines without the time of day."""
    lines = stream.getvalue().splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d  ", line) for line in lines)
    return [line[10:] for line in lines]


def test_a_whole_run(snapshot: SnapshotAssertion, clock: Clock) -> None:
    stream = io.StringIO()
    with PlainView(10 * 10**9, stream) as view:
        view.stage_started(Stage.START_SERVER, "PostgreSQL 18.6 on /tmp/pg")
        view.stage_ended(Stage.START_SERVER, 1_200_000_000)
        view.stage_started(Stage.CHECK)
        view.stage_ended(Stage.CHECK, 3_000_000)
        view.stage_started(Stage.SETUP)
        for done in range(0, 100_001, 2_000):
            view.progress(done, 100_000, "rows of account")
            clock.now_s += 1
        for done in range(12):
            view.progress(done, None, "indexes")
            clock.now_s += 1
        view.stage_ended(Stage.SETUP, 63 * 10**9)
        play(view, results.stalled())
        view.warning("connection 3 was lost and opened again")
    assert "\n".join(lines_of(stream)) == snapshot


def test_the_line_of_an_interval_that_was_cut_short_has_its_true_rate(clock: Clock) -> None:
    result, stream = results.simple(), io.StringIO()
    view = PlainView(10**9, stream)
    view.load_started(results.load_of(result, start_ns=clock.monotonic_ns()))
    whole, cut = (snapshot for snapshot in result.intervals if snapshot.interval_index < 2)
    view.interval(result.workload, whole)
    clock.now_s += 1.25
    view.stage_ended(Stage.LOAD, 1_250_000_000)
    view.interval(result.workload, cut)
    view.finished([result])
    line = lines_of(stream)[-1].split()
    committed = sum(cell.committed for cell in cut.row_totals() if cell.kind == "transaction")
    assert line[1:3] == ["1.25", "s"]
    assert line[3] == f"{committed * 4:,}/s"


def test_no_colour_and_no_carriage_return() -> None:
    stream = io.StringIO()
    play(PlainView(5 * 10**9, stream), results.stalled())
    assert not set("\r\x1b") & set(stream.getvalue())


def test_an_interval_of_zero_leaves_the_figures_out(clock: Clock) -> None:
    stream = io.StringIO()
    view = PlainView(0, stream)
    view.progress(1, 10, "rows")
    clock.now_s += 100
    view.progress(2, 10, "rows")
    play(view, results.stalled())
    assert lines_of(stream) == [
        "load: bank",
        "bank: open loop, poisson at 300/s, 4 workers, 4 connections, 2 worker processes",
    ]


def test_a_line_never_mixes_phases() -> None:
    stream = io.StringIO()
    play(PlainView(10 * 10**9, stream), results.stalled())
    rows = [line.split() for line in lines_of(stream) if line.startswith(("warm-up", "steady"))]
    assert [(row[0], " ".join(row[1:3])) for row in rows] == [
        ("warm-up", "5 s"),
        ("steady", "15 s"),
        ("steady", "25 s"),
        ("steady", "35 s"),
        ("steady", "40 s"),
    ]


def test_custom_metrics_are_told_in_short() -> None:
    def record(recorder: Recorder) -> None:
        for number in range(6):
            recorder.count(f"hit {number}", 5, 0)

    stream = io.StringIO()
    result = open_run(
        [("steady", "steady", 10.0)],
        lambda i, at: Outcome(service_ns=MS_NS),
        rate_per_s=10,
        extra=record,
    )
    play(PlainView(5 * 10**9, stream), result)
    first, second = [
        index for index, line in enumerate(lines_of(stream)) if line.startswith("steady")
    ]
    assert lines_of(stream)[first + 1 : second] == [
        "  hit 0 5, 1.00/s · hit 1 5, 1.00/s · hit 2 5, 1.00/s · hit 3 5, 1.00/s · and 2 more"
    ]
    # Nothing was recorded after the first five seconds.
    assert lines_of(stream)[second + 1 :] == []


def test_columns_stay_below_their_headers() -> None:
    stream = io.StringIO()
    play(PlainView(5 * 10**9, stream), results.stalled())
    header, *rows = [
        line for line in lines_of(stream) if line.startswith(("phase", "warm-up", "steady"))
    ]
    ends = [match.end() for match in re.finditer(r"\S+", header)][1:]
    for row in rows:
        assert len(row) == len(header)
        assert all(row[end - 1] != " " and row[end : end + 1] in {"", " "} for end in ends)


def test_the_header_comes_again() -> None:
    stream = io.StringIO()
    result = open_run(
        [("steady", "steady", 50.0)], lambda i, at: Outcome(service_ns=MS_NS), rate_per_s=10
    )
    play(PlainView(10**9, stream), result)
    assert sum(line.startswith("phase") for line in lines_of(stream)) == 3


def test_a_plugins_log_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    with caplog.at_level("INFO"):
        PlainView(0, stream).log(LogRecord(plugin="bank", level="info", message="hello"))
    assert stream.getvalue() == ""
    assert caplog.messages == ["hello"]

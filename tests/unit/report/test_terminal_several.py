"""The report and the picture of several workloads: each of them, and all together."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from stormdb.analysis import summarise_run
from stormdb.analysis.together import RunSummary
from stormdb.config.thresholds import parse_threshold
from stormdb.report import PlainView, print_report
from stormdb.report.dashboard_several import dashboard_of_several
from stormdb.report.export_json import json_report
from stormdb.report.tracker import Tracker
from stormdb.results import RunResult
from tests.support.measured import SECOND_NS
from tests.unit.report import results

SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "run-v1.json"


def parts() -> list[RunResult]:
    return [
        replace(results.stalled(), name="checkout"),
        replace(results.simple(), name="report", start_after_ns=20 * SECOND_NS),
    ]


@pytest.fixture(name="run")
def _run() -> RunSummary:
    met, missed = parse_threshold("error_ratio < 10%"), parse_threshold("p99 < 1us")
    return summarise_run(parts(), {"checkout": [missed]}, [met])


@pytest.mark.parametrize("width", [60, 80, 100])
def test_each_has_its_section_and_the_end_is_about_all(run: RunSummary, width: int) -> None:
    stream = io.StringIO()
    print_report(run.workloads, stream, whole=run.together, width=width)
    text = stream.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    places = [text.index(f"── {title} ") for title in ("checkout", "report", "accounting")]
    assert places == sorted(places)
    assert "missed  checkout: p99 < 1us" in text
    assert "met     together: error_ratio < 10%" in text
    assert "starts after 20 s" in text
    assert "checkout alone" in text


def test_what_is_said_of_all_is_said_once(run: RunSummary) -> None:
    stream = io.StringIO()
    print_report(run.workloads, stream, whole=run.together)
    doubts = stream.getvalue().partition("── what to doubt")[2]
    assert "report: 12.0 s of steady load" in doubts
    assert doubts.count("closed loop: while the server") == 1


def test_the_json_of_several_obeys_its_schema(run: RunSummary) -> None:
    report = json.loads(json_report(run))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(report)
    assert list(report)[:3] == ["format", "trusted", "met"]
    assert report["met"] is False
    assert [one["format"] for one in report["workloads"]] == ["stormdb.report/1"] * 2


@pytest.mark.parametrize("height", [12, 24, 50])
def test_the_picture_fits_the_terminal(height: int) -> None:
    both = parts()
    loads = {
        one.name: replace(results.load_of(one), start_after_ns=one.start_after_ns) for one in both
    }
    figures = {}
    for one in both:
        tracker = Tracker(loads[one.name])
        for snapshot in one.intervals:
            figures[one.name] = tracker.add(snapshot)
    for now_s, known in ((-1, {}), (10, {"checkout": figures["checkout"]}), (25, figures)):
        console = Console(file=io.StringIO(), width=100, height=height)
        picture = dashboard_of_several(
            loads, known, now_ns=now_s * SECOND_NS, width=100, height=height
        )
        with console.capture() as capture:
            console.print(picture)
        text = capture.get()
        assert len(text.splitlines()) <= height
        assert "checkout" in text
        if now_s == 10:
            assert "in 10 s" in text


def test_each_plain_line_begins_with_the_name_of_its_workload() -> None:
    stream = io.StringIO()
    both = parts()
    view = PlainView(5 * SECOND_NS, stream)
    for one in both:
        view.load_started(replace(results.load_of(one), start_after_ns=one.start_after_ns))
    for one in both:
        for snapshot in one.intervals:
            view.interval(one.name, snapshot)
    view.finished(both)
    lines = [line[10:] for line in stream.getvalue().splitlines()]
    assert "times of report are service times" in lines
    assert any(line.split()[:4] == ["report", "steady", "25", "s"] for line in lines)

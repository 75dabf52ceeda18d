"""Whatever a run measured, and wherever it broke off, there is a report of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stormdb.analysis import summarise_run
from stormdb.config.thresholds import parse_threshold
from stormdb.report import PlainView, print_report
from stormdb.report.export_csv import csv_report
from stormdb.report.export_hdr import hdr_log
from stormdb.report.export_json import json_report
from stormdb.report.tracker import Tracker
from stormdb.results import RunResult, Status
from tests.support.measured import MS_NS, SECOND_NS, Facts, Outcome, closed_run, open_run
from tests.unit.report.results import load_of

THRESHOLDS = [
    parse_threshold(text)
    for text in ("p99 < 20ms", "throughput > 1/s", "error_ratio < 1%", "b.p50 < 1ms", "x.mean > 1")
]
ROLES = ("warm_up", "ramp", "steady", "cool_down")


@cache
def validator() -> Draft202012Validator:
    schema = Path(__file__).parents[3] / "docs" / "schema" / "report-v1.json"
    return Draft202012Validator(json.loads(schema.read_text()))


@st.composite
def runs(draw: st.DrawFn) -> RunResult:
    """Any phases, any outcomes, perhaps stopped, perhaps with intervals that are missing."""
    rng = Random(draw(st.integers(0, 2**32)))
    phases = [
        (f"phase {number}", draw(st.sampled_from(ROLES)), draw(st.sampled_from([0.3, 1.0, 2.5])))
        for number in range(draw(st.integers(1, 4)))
    ]
    fails, undone = draw(st.sampled_from([0.0, 0.1, 1.0])), draw(st.sampled_from([0.0, 0.2]))
    slowest_ms = draw(st.sampled_from([1, 50, 3000]))

    def outcome(_: int, __: int) -> Outcome:
        return Outcome(
            service_ns=max(round(rng.random() ** 3 * slowest_ms * MS_NS), 200_000),
            row=rng.choice("ab"),
            sqlstate=rng.choice(["40001", "XX000"]) if rng.random() < fails else "",
            rolls_back=rng.random() < undone,
        )

    facts = Facts(workers=draw(st.sampled_from([1, 3])), cpu_ratio=draw(st.floats(0, 1.2)))
    if draw(st.booleans()):
        rate_per_s = draw(st.sampled_from([1, 20, 200]))
        result = open_run(phases, outcome, rate_per_s=rate_per_s, max_queue=5, facts=facts)
    else:
        outcome_slow = lambda w, at: replace(outcome(w, at), service_ns=slowest_ms * MS_NS)  # noqa: E731
        result = closed_run(phases, outcome_slow if slowest_ms > 1 else outcome, facts=facts)
    if draw(st.booleans()):
        stop_ns = draw(st.integers(0, 8 * SECOND_NS))
        result = replace(
            result,
            status=Status.INTERRUPTED,
            phases=[
                replace(p, end_ns=max(min(p.end_ns, stop_ns), p.start_ns)) for p in result.phases
            ],
        )
    missing = draw(st.sets(st.integers(0, 8), max_size=3))
    kept = [s for s in result.intervals if s.interval_index not in missing]
    return replace(result, intervals=kept)


@settings(max_examples=120, deadline=None)
@given(runs(), st.sampled_from([40, 80, 100]))
def test_there_is_a_report_of_any_run(result: RunResult, width: int) -> None:
    run = summarise_run([result], {result.name: THRESHOLDS})
    stream = io.StringIO()
    print_report(run.workloads, stream, width=width, again="stormdb run x")
    text = stream.getvalue()
    assert "nan" not in text
    assert all(len(line) <= width for line in text.splitlines())
    validator().validate(json.loads(json_report(run)))
    assert b"".join(csv_report([result])).count(b"\n") > len(result.intervals)
    b"".join(hdr_log([result]))


@settings(max_examples=60, deadline=None)
@given(runs())
def test_any_run_can_be_watched(result: RunResult) -> None:
    stream = io.StringIO()
    view, tracker = PlainView(SECOND_NS, stream), Tracker(load_of(result))
    view.load_started(load_of(result))
    for snapshot in result.intervals:
        view.interval(result.workload, snapshot)
        tracker.add(snapshot)
    view.finished([result])
    assert "nan" not in stream.getvalue()

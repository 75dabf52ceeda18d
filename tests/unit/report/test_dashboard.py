"""The picture of a running load."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from stormdb.report.dashboard import dashboard
from stormdb.report.tracker import FailureFigures, Figures, Tracker
from stormdb.results import RunResult
from tests.unit.report import results

SECOND_NS = 10**9


def figures_of(result: RunResult, seconds: int) -> Figures:
    tracker = Tracker(results.load_of(result))
    for snapshot in result.intervals[:seconds]:
        figures = tracker.add(snapshot)
    return figures


def picture(
    result: RunResult, figures: Figures | None, seconds: float, width: int = 80, height: int = 24
) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height)
    with console.capture() as capture:
        console.print(
            dashboard(
                results.load_of(result),
                figures,
                now_ns=round(seconds * SECOND_NS),
                width=width,
                height=height,
            )
        )
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 50)])
def test_in_the_middle_of_a_stall(width: int, height: int, snapshot: SnapshotAssertion) -> None:
    lines = picture(results.stalled(), figures_of(results.stalled(), 22), 22.3, width, height)
    assert "\n".join(lines) == snapshot


def test_a_closed_loop_shows_service_time_and_no_queue(snapshot: SnapshotAssertion) -> None:
    lines = picture(results.simple(), figures_of(results.simple(), 5), 5.2)
    assert "\n".join(lines) == snapshot


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.2, ["starting", "0 s of 40 s"]),
        (0, ["warm-up", "0 s of 40 s", "5 s left"]),
        (17.4, ["steady", "17 s of 40 s", "23 s left"]),
        (41, ["draining", "40 s of 40 s"]),
    ],
)
def test_the_clock_shows_phase_and_time_left(seconds: float, words: list[str]) -> None:
    line = picture(results.stalled(), None, seconds)[1]
    assert all(word in line for word in words)


def crowded(figures: Figures) -> Figures:
    """As many rows and kinds of failure as there can be."""
    return replace(
        figures,
        rows=tuple(
            replace(figures.rows[0], name=f"transaction number {n}", failed_count=n)
            for n in range(64)
        ),
        failures=tuple(
            FailureFigures(sqlstate=f"4000{n}", count=9 - n, example="x" * 300) for n in range(9)
        ),
        counters=tuple(replace(figures.counters[0], name=f"counter {n}") for n in range(64)),
    )


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (100, 30), (200, 50)])
def test_it_is_never_larger_than_the_terminal(width: int, height: int) -> None:
    lines = picture(
        results.stalled(), crowded(figures_of(results.stalled(), 30)), 30, width, height
    )
    assert len(lines) <= height - 2
    assert all(len(line) <= width for line in lines)
    assert any("workers busy" in line for line in lines)
    assert any("40000" in line for line in lines)


def test_custom_metrics_have_their_part_of_a_crowded_picture() -> None:
    figures = crowded(figures_of(results.stalled(), 30))
    few_failures = replace(figures, failures=figures.failures[:1])
    lines = picture(results.stalled(), few_failures, 30)
    assert any(line.startswith("transaction num") for line in lines)
    assert any(line.startswith("counter 0") for line in lines)
    # Their headers never stand there alone.
    without_room = replace(figures, failures=figures.failures[:4])
    lines = picture(results.stalled(), without_room, 30, height=21)
    headers = [index for index, line in enumerate(lines) if line.startswith("custom metric")]
    assert all(lines[index + 1].startswith("counter") for index in headers)


def test_numbers_that_change_their_length_do_not_move_the_others() -> None:
    def columns(seconds: int) -> list[int]:
        figures = figures_of(results.stalled(), seconds)
        header = picture(results.stalled(), figures, seconds)[9]
        assert header.startswith("response time")
        return [header.index(name) for name in ("p50", "p99 ", "max")]

    assert columns(10) == columns(22)

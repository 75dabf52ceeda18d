"""The charts of the report."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from stormdb.analysis import summarise
from stormdb.report.pictures import distribution_chart, throughput_chart
from tests.support.measured import MS_NS, SECOND_NS, Outcome, closed_run, open_run
from tests.unit.report import results


def lines_of(renderable: RenderableType, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(renderable)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_throughput_shows_the_hole_at_its_time() -> None:
    def outcome(index: int, at_ns: int) -> Outcome:
        stalled = 30 * SECOND_NS <= at_ns < 35 * SECOND_NS
        return Outcome(service_ns=35 * SECOND_NS - at_ns if stalled else MS_NS)

    summary = summarise(open_run([("steady", "steady", 60.0)], outcome, rate_per_s=50))
    lines = lines_of(throughput_chart(summary, 78))
    bottom = lines[5].split("┤")[1]
    # From second 30 on for 5 of 60 seconds.
    assert abs(bottom.index(" ") / len(bottom) - 0.5) < 0.02
    assert abs(bottom.count(" ") / len(bottom) - 5 / 60) < 0.03
    axis = lines[6]
    start = lines[5].index("┤") + 1
    assert axis.index("╵0 s") == start
    assert abs(axis.index("╵40 s") - start - len(bottom) * 40 / 60) <= 1


def test_phases_stand_below_their_first_interval() -> None:
    lines = lines_of(throughput_chart(summarise(results.stalled()), 78))
    start = lines[0].index("┤") + 1
    names = lines[7]
    assert names.index("warm-up") == start
    # 5 of 40 seconds.
    assert names.index("steady") - start == -(-5 * (len(lines[5]) - start) // 40)


def test_red_is_explained_only_where_it_is() -> None:
    assert "red: more than 1 %" in lines_of(throughput_chart(summarise(results.stalled()), 78))[-1]
    assert not any(
        "red" in line for line in lines_of(throughput_chart(summarise(results.simple()), 78))
    )


def test_distribution_has_its_quantiles_at_their_times() -> None:
    # One in 300 takes 100 ms, the others 1 ms.
    summary = summarise(
        closed_run(
            [("steady", "steady", 10.0)],
            lambda worker, at_ns: Outcome(service_ns=(100 if worker == 0 else 1) * MS_NS),
        )
    )
    lines = lines_of(distribution_chart(summary, 78))
    bars, ticks, marks = lines[5], lines[6], lines[7]
    assert abs(ticks.index("╵1 ms") - ticks.index("╵10 ms")) > 20
    assert abs(marks.index("▲p50") - ticks.index("╵1 ms")) <= 3
    assert abs(marks.index("▲p99.9") - ticks.index("╵100 ms")) <= 3
    # A tail of 100 samples among 30,000 is not drawn as nothing.
    assert bars[ticks.index("╵100 ms") - 1 : ticks.index("╵100 ms") + 2].strip() != ""


def test_times_that_are_all_alike_have_a_picture() -> None:
    summary = summarise(
        closed_run(
            [("steady", "steady", 2.0)], lambda worker, at_ns: Outcome(service_ns=10 * MS_NS)
        )
    )
    assert len(lines_of(distribution_chart(summary, 78))) == 8
